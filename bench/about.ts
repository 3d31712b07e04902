/** Of what and where a run tells. */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { availableParallelism, cpus, release, totalmem, type as systemName } from "node:os"
import { setTimeout } from "node:timers/promises"
import { path } from "./paths.ts"

/** Cores in use by whatever runs; before a run, that is others. */
export const busyCores = async (): Promise<number> => {
  const before = usedMillis()
  const startedAt = performance.now()
  await setTimeout(1000)
  return (usedMillis() - before) / (performance.now() - startedAt)
}

/** All processors' time since the machine started that was neither idle nor waiting for a disk: proc(5), in steps of 10 ms. */
const usedMillis = (): number => {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync("/proc/stat", "latin1")
    .slice(0, 200)
    .split("\n", 1)
    .flatMap((line) => line.split(/\s+/).map(Number))
  return (user + nice + system + irq + softirq) * 10
}

/** A machine that does nothing else has less. */
const muchBusy = 0.2

export const about = (others: ReadonlyArray<string>, busyBefore: number): string => {
  const processor = `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "an unknown processor"}`
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GB`
  return [
    `${new Date().toISOString().slice(0, 10)}, commit ${commit()}.`,
    `XRouter ${version("..")} (effect ${version("../node_modules/effect")}, undici ${version("../node_modules/undici")}),`,
    `${[`Node ${process.versions.node}`, ...others].join(", ")};`,
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
