/** Of what and where a run tells. */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { availableParallelism, cpus, release, totalmem, type as systemName } from "node:os"
import { setTimeout } from "node:timers/promises"
import { path } from "./paths.ts"

/** What others take of the machine that is measured on. */
export interface Others {
  /** Cores in use before the run, when all that runs is others. */
  readonly busyBefore: number
  /** What of the processors' time the host has kept from this machine since, as a sentence: latencies are the longer by it. */
  readonly told: () => string
}

export const watchOthers = async (): Promise<Others> => {
  const before = processorTimes()
  const startedAt = performance.now()
  await setTimeout(1000)
  const start = processorTimes()
  const busyBefore = (start.used - before.used) / (performance.now() - startedAt)
  return {
    busyBefore,
    told: () => {
      const now = processorTimes()
      const share = (now.stolen - start.stolen) / Math.max(1, now.all - start.all)
      return `Of the processors' time the host kept ${(share * 100).toFixed(1)} % for others meanwhile.`
    }
  }
}

/**
 * Milliseconds of all processors since the machine started (proc(5), in steps of 10 ms): used are those neither idle nor spent waiting for a
 * disk, stolen those in which a virtual machine could have run and its host ran something else.
 */
const processorTimes = (): Readonly<Record<"used" | "stolen" | "all", number>> => {
  const [, user = 0, nice = 0, system = 0, idle = 0, disk = 0, irq = 0, softirq = 0, steal = 0] = readFileSync(
    "/proc/stat",
    "latin1"
  )
    .slice(0, 200)
    .split("\n", 1)
    .flatMap((line) => line.split(/\s+/).map(Number))
  const used = user + nice + system + irq + softirq
  return { used: used * 10, stolen: steal * 10, all: (used + idle + disk + steal) * 10 }
}

/** A machine that does nothing else has less. */
const muchBusy = 0.2

export const about = (versions: ReadonlyArray<string>, { busyBefore }: Others): string => {
  const processor = `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "an unknown processor"}`
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GB`
  return [
    `${new Date().toISOString().slice(0, 10)}, commit ${commit()}.`,
    `XRouter ${version("..")} (effect ${version("../node_modules/effect")}, undici ${version("../node_modules/undici")}),`,
    `${[`Node ${process.versions.node}`, ...versions].join(", ")};`,
    `${processor}, ${memory}, ${systemName()} ${release()}; cores in use by others before the start: ${busyBefore.toFixed(2)}.`,
    ...(busyBefore > muchBusy ? ["**The machine was not free: ratios are too high, and times more so.**"] : [])
  ].join(" ")
}

const version = (folder: string): string => {
  const file = path(`${folder}/package.json`)
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version : "unknown"
}

const commit = (): string => {
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", args, { cwd: path(".."), encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "bench") !== ""
    return `\`${git("rev-parse", "--short", "HEAD")}\`${changed ? " with changes on top of it" : ""}`
  } catch {
    return "unknown"
  }
}
