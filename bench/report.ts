/** The results as Markdown: the README says how to read them. */
import type { DeafResult, Unread } from "./deaf-clients.ts"
import type { StepCost } from "./dialect-steps.ts"
import type { Result } from "./slices.ts"
import type { SlowResult } from "./slow-streams.ts"
import type { Soak } from "./soak.ts"
import type { StartUp } from "./start-up.ts"
import { quantile, type Spread } from "./statistics.ts"
import { table } from "./table.ts"

const range = ({ high, low, median }: Spread, digits = 2): string =>
  `${median.toFixed(digits)} [${low.toFixed(digits)}–${high.toFixed(digits)}]`
const millis = (value: number): string => value.toFixed(value < 10 ? 2 : 1)

const busyColumns = [
  "",
  "a second",
  "ratio",
  "CPU ms",
  "ratio [IQR]",
  "p50 ms",
  "p99 ms",
  "ratio [IQR]",
  "answers",
  "errors"
]

const busyRow = ({ target, ...result }: Result): ReadonlyArray<string> => [
  target.name,
  result.rate.median.toFixed(0),
  result.rateRatio.median.toFixed(2),
  result.cpu.median.toFixed(3),
  range(result.cpuRatio),
  millis(result.p50.median),
  millis(result.p99.median),
  range(result.p99Ratio),
  String(result.answers),
  String(result.errors)
]

const quietColumns = ["", "p50 ms", "added [IQR]", "p99 ms", "CPU ms", "ratio [IQR]", "answers", "errors"]

const quietRow = ({ target, ...result }: Result): ReadonlyArray<string> => {
  const [p50, added] =
    result.workload.ask.kind === "paced" ? [result.first, result.addedFirst] : [result.p50, result.addedP50]
  return [
    target.name,
    millis(p50.median),
    range(added),
    millis(result.p99.median),
    result.cpu.median.toFixed(3),
    range(result.cpuRatio),
    String(result.answers),
    String(result.errors)
  ]
}

/** The results of one workload. One client is asked how long it waits, many are asked what they cost. */
export const section = (results: ReadonlyArray<Result>): string => {
  const [first] = results
  if (first === undefined) return ""
  const { ask, connections, title } = first.workload
  const isQuiet = connections === 1
  const columns = isQuiet ? quietColumns : busyColumns
  // Of a paced stream's whole only the upstream's patience could be read.
  const shown = ask.kind === "paced" ? (_: string, column: number) => column !== 3 : () => true
  const rows = [columns, ...results.map(isQuiet ? quietRow : busyRow)].map((row) => row.filter(shown))
  return `## ${title}\n\n${table(rows)}`
}

export const slowSection = (results: ReadonlyArray<SlowResult>): string => {
  const columns = [
    "",
    "chunks/s",
    "CPU µs a chunk",
    "MB warm",
    "MB open",
    "KB a stream",
    "MB highest",
    "delay p50 ms",
    "p99 ms",
    "errors"
  ]
  const rows = results.map((result) => {
    const numbers = [
      result.piecesPerSecond.toFixed(0),
      result.cpuMicrosPerPiece.toFixed(0),
      result.warm.toFixed(0),
      result.open.toFixed(0),
      result.kilobytesPerStream.toFixed(0),
      result.highest.toFixed(0),
      millis(result.delayP50),
      millis(result.delayP99)
    ]
    // Who lost streams did not bear all of them, and has nothing to be compared.
    const shown = result.errors === 0 ? numbers : numbers.map(() => "–")
    return [result.target.name, ...shown, String(result.errors)]
  })
  return `## ${results[0]?.streams ?? 0} slow streams, a chunk every 100 ms\n\n${table([columns, ...rows])}`
}

export const deafSection = ({ alone, beside, clients, growth, ...deaf }: DeafResult): string => {
  const row = (name: string, result: SlowResult) => [
    name,
    result.piecesPerSecond.toFixed(0),
    result.cpuMicrosPerPiece.toFixed(0),
    millis(result.delayP50),
    millis(result.delayP99),
    result.opened.toFixed(0),
    result.open.toFixed(0),
    result.highest.toFixed(0),
    String(result.errors)
  ]
  const columns = [
    "XRouter",
    "chunks/s",
    "CPU µs a chunk",
    "delay p50 ms",
    "p99 ms",
    "MB all open",
    "MB at the end",
    "MB highest",
    "errors"
  ]
  return [
    `## ${beside.streams} slow streams beside ${clients} clients that stopped reading`,
    table([columns, row("nobody deaf", alone), row(`${clients} clients deaf`, beside)]),
    `Of ${deaf.sent.toFixed(0)} MB that were sent without end the gateway had left ${unreadWords(deaf.unreadWhenFull)} unread when all ` +
      `buffers were full, and ${unreadWords(deaf.unread)} when the slow streams had ended; ${deaf.stillOpen} of ${clients} were open to the end. ` +
      `What the gateway held grew by ${(growth * 100).toFixed(1)} %.`
  ].join("\n\n")
}

const unreadWords = ({ connections, megabytes }: Unread): string =>
  `${megabytes.toFixed(0)} MB on ${connections} connections`

export const startSection = ({ node, ready, starts }: StartUp): string =>
  `## Start until ready, warm stores, seconds\n\n${table([
    ["", "median [IQR]", "starts"],
    ["XRouter", range(inSeconds(ready)), String(starts)],
    ["Node that does nothing", range(inSeconds(node)), String(starts)]
  ])}`

const inSeconds = ({ high, low, median }: Spread): Spread => ({
  median: median / 1000,
  low: low / 1000,
  high: high / 1000
})

export interface Memory {
  readonly name: string
  readonly idle: number
  readonly highest: number
}

export const memorySection = (used: ReadonlyArray<Memory>): string =>
  `## Memory, MB resident\n\n${table([
    ["", "idle", "highest"],
    ...used.map(({ highest, idle, name }) => [name, idle.toFixed(0), highest.toFixed(0)])
  ])}`

/** Before that a heap is still finding its size. */
const leastMinutes = 10

/** A long soak has more samples than anybody reads: every so many of them. */
const soakRows = 12

export const soakSection = ({ json, most, paced, rate, samples, streams, ...soak }: Soak): string => {
  const every = Math.ceil(samples.length / soakRows)
  const rows = samples
    .filter((_, index) => index % every === every - 1)
    .map(({ cores, heap, lagP99, minute, resident }) => [
      minute.toFixed(1),
      resident.toFixed(0),
      heap.toFixed(0),
      cores.toFixed(2),
      lagP99.toFixed(1)
    ])
  const errors = json.errors + paced.errors
  return [
    `${soak.minutes} minutes at ${rate.toFixed(0)} requests a second (of ${most.toFixed(0)} at most) beside ${streams} slow streams: ` +
      `${json.answers} answers, ${paced.answers} streams, ${errors} errors. ` +
      `Answers: p50 ${millis(quantile(json.latencies, 0.5))}, p99 ${millis(quantile(json.latencies, 0.99))} ms; ` +
      `delay of chunks: p50 ${millis(quantile(paced.delays, 0.5))}, p99 ${millis(quantile(paced.delays, 0.99))} ms. ` +
      `Event-loop lag, p99 of each sample: median ${soak.lagP99.toFixed(1)}, highest ${soak.lagHighest.toFixed(1)} ms.` +
      (soak.minutes < leastMinutes ? " **So short a time tells nothing of memory.**" : ""),
    table([["minute", "MB resident", "MB heap", "cores", "lag p99 ms"], ...rows])
  ].join("\n\n")
}

export const stepsTable = (costs: ReadonlyArray<StepCost>): string => {
  const dialects = [...new Set(costs.map(({ dialect }) => dialect))]
  const steps = [...new Set(costs.map(({ step }) => step))]
  const cell = (dialect: string, step: string) => {
    const cost = costs.find((one) => one.dialect === dialect && one.step === step)
    return cost === undefined ? "" : range(cost.nanos, 0)
  }
  return table([["", ...dialects], ...steps.map((step) => [step, ...dialects.map((dialect) => cell(dialect, step))])])
}
