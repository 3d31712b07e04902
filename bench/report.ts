/** The results as Markdown: the README says how to read them. */
import { availableParallelism, cpus, loadavg } from "node:os"
import type { Result } from "./slices.ts"
import type { Spread } from "./statistics.ts"

export interface Memory {
  readonly idle: number
  readonly highest: number
}

const range = ({ high, low, median }: Spread): string => `${ratio(median)} [${ratio(low)}-${ratio(high)}]`
const ratio = (value: number): string => value.toFixed(2)
const millis = (value: number): string => value.toFixed(value < 10 ? 2 : 1)

const columns = ["", "req/s", "ratio", "CPU ms", "ratio [IQR]", "p50 ms", "p99 ms", "answers", "errors"]

const row = (result: Result): ReadonlyArray<string> => [
  result.target.name,
  result.rate.median.toFixed(0),
  ratio(result.rateRatio.median),
  result.cpu.median.toFixed(3),
  range(result.cpuRatio),
  millis(result.p50),
  millis(result.p99),
  String(result.answers),
  String(result.errors)
]

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? []
  const line = (cells: ReadonlyArray<string>) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`
  const [head = [], ...body] = rows.map(line)
  const rule = `|${widths.map((width, column) => (column === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`
  return [head, rule, ...body].join("\n")
}

const titleOf = ({ connections, kind }: Result["workload"]): string => {
  const what = kind === "json" ? "JSON answers" : "Streams of 64 chunks"
  return `${what}, ${connections} connection${connections === 1 ? "" : "s"}`
}

/** The results of one workload. */
export const section = (results: ReadonlyArray<Result>): string => {
  const [first] = results
  return first === undefined ? "" : `\n## ${titleOf(first.workload)}\n\n${table([columns, ...results.map(row)])}\n`
}

export const memoryTable = (used: ReadonlyArray<Memory & { readonly name: string }>): string =>
  `\n## Memory, MB resident\n\n${table([
    ["", "idle", "highest"],
    ...used.map(({ highest, idle, name }) => [name, idle.toFixed(0), highest.toFixed(0)])
  ])}\n`

export const machine = (): string => {
  const load = loadavg()[0] ?? 0
  return `Node ${process.versions.node}, ${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "CPU"}, load average at the start ${load.toFixed(2)}`
}
