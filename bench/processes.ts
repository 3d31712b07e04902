/** The processes under measure: started, watched by /proc, and never left behind. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { openSync, readFileSync } from "node:fs"

const running = new Set<ChildProcess>()

const endAll = (signal: NodeJS.Signals) => running.forEach((child) => child.kill(signal))
process.on("exit", () => endAll("SIGKILL"))
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130))

export interface Started {
  readonly pid: number
  readonly child: ChildProcess
  /** What it prints. */
  readonly logFile: string
}

/** Starts this same Node with a script; what it prints goes to a file. Nothing of our own environment is handed down. */
export const start = async (
  args: ReadonlyArray<string>,
  { env = {}, ipc = false, logFile }: { env?: Record<string, string>; ipc?: boolean; logFile: string }
): Promise<Started> => {
  const log = openSync(logFile, "a")
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", log, log, ...(ipc ? (["ipc"] as const) : [])]
  })
  running.add(child)
  child.once("exit", () => running.delete(child))
  await once(child, "spawn")
  return { pid: child.pid ?? 0, child, logFile }
}

/** Starts one of our own servers, which tells where it listens. */
export const startServer = <A extends object = { readonly port: number }>(
  args: ReadonlyArray<string>,
  logFile: string
): Promise<Started & A> =>
  start(args, { ipc: true, logFile }).then(
    (started) =>
      new Promise((resolve, reject) => {
        started.child.once("message", (address: A) => resolve({ ...started, ...address }))
        started.child.once("exit", () =>
          reject(new Error(`${args.join(" ")} ended:\n${readFileSync(logFile, "utf8")}`))
        )
      })
  )

/** Ends one of them: at first kindly. */
export const stop = async ({ child }: Pick<Started, "child">): Promise<void> => {
  if (!running.has(child)) return
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  const unkind = setTimeout(() => child.kill("SIGKILL"), 5000)
  await ended
  clearTimeout(unkind)
}

export const stopAll = async (): Promise<void> => {
  await Promise.all(Array.from(running, (child) => stop({ child })))
}

/** Milliseconds of CPU that all threads of a process have used. In steps of 10 ms: proc(5), `utime` and `stime`. */
export const cpuMillis = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
  // The name before them is in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Resident memory in MB, now and at its highest. */
export const memory = (pid: number): { readonly now: number; readonly highest: number } => {
  const status = readFileSync(`/proc/${pid}/status`, "latin1")
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
  return { now: megabytes("VmRSS"), highest: megabytes("VmHWM") }
}
