/** What XRouter is asked to hold, beside what was measured. */
import type { DeafResult } from "./deaf-clients.ts"
import type { Result, Workload } from "./slices.ts"
import type { SlowResult } from "./slow-streams.ts"
import type { Soak } from "./soak.ts"
import type { StartUp } from "./start-up.ts"
import { table } from "./table.ts"
import { names } from "./targets.ts"
import { busyJson, busyStreams, firstToken, quietJson } from "./workloads.ts"

export interface Measured {
  readonly results?: ReadonlyArray<Result>
  readonly slow?: ReadonlyArray<SlowResult>
  readonly deaf?: DeafResult | undefined
  readonly startUp?: StartUp | undefined
  readonly soak?: Soak
}

interface Line {
  readonly what: string
  readonly atMost: number
  readonly unit: Unit
  readonly measured: (measured: Measured) => number | undefined
}

type Unit = "×" | "ms" | "KB" | "s" | "%"

const of =
  (workload: Workload, name: string, value: (result: Result) => number) =>
  ({ results }: Measured): number | undefined => {
    const result = results?.find((one) => one.workload === workload && one.target.name === name)
    return result === undefined ? undefined : value(result)
  }

const cpuOfStreams = (name: string) => of(busyStreams, name, ({ cpuRatio }) => cpuRatio.median)

const lines: ReadonlyArray<Line> = [
  {
    what: "CPU per JSON request, 64 connections",
    atMost: 2,
    unit: "×",
    measured: of(busyJson, names.xrouter, ({ cpuRatio }) => cpuRatio.median)
  },
  {
    what: "p99 at 64 connections",
    atMost: 3,
    unit: "×",
    measured: of(busyJson, names.xrouter, ({ p99Ratio }) => p99Ratio.median)
  },
  { what: "CPU per stream of 64 chunks, passed on", atMost: 1.8, unit: "×", measured: cpuOfStreams(names.xrouter) },
  { what: "CPU per stream of 64 chunks, GigaChat", atMost: 2.5, unit: "×", measured: cpuOfStreams(names.gigaChat) },
  { what: "CPU per stream of 64 chunks, YandexGPT", atMost: 2.5, unit: "×", measured: cpuOfStreams(names.yandexGpt) },
  {
    what: "added latency, 1 connection, p50",
    atMost: 0.6,
    unit: "ms",
    measured: of(quietJson, names.xrouter, ({ addedP50 }) => addedP50.median)
  },
  {
    what: "added time to first token, 1 client, p50",
    atMost: 1.5,
    unit: "ms",
    measured: of(firstToken, names.xrouter, ({ addedFirst }) => addedFirst.median)
  },
  {
    what: "memory per open slow stream",
    atMost: 100,
    unit: "KB",
    measured: ({ slow }) => slow?.find(({ target }) => target.name === names.xrouter)?.kilobytesPerStream
  },
  {
    what: "delay of chunks beside 200 deaf clients, p99",
    atMost: 50,
    unit: "ms",
    measured: ({ deaf }) => deaf?.beside.delayP99
  },
  {
    what: "500 streams beside 200 deaf clients: growth of memory",
    atMost: 5,
    unit: "%",
    measured: ({ deaf }) => (deaf === undefined ? undefined : deaf.growth * 100)
  },
  {
    what: "ready, with warm stores",
    atMost: 0.7,
    unit: "s",
    measured: ({ startUp }) => (startUp === undefined ? undefined : startUp.ready.median / 1000)
  },
  {
    what: "half load and 100 streams: growth of memory",
    atMost: 5,
    unit: "%",
    measured: ({ soak }) => (soak === undefined ? undefined : soak.growth * 100)
  },
  {
    what: "half load and 100 streams: event-loop lag, p99",
    atMost: 20,
    unit: "ms",
    measured: ({ soak }) => soak?.lagP99
  }
]

const written = (value: number, unit: Unit): string => {
  const digits = unit === "×" || unit === "ms" || unit === "s" ? 2 : 0
  return `${value.toFixed(digits)} ${unit}`
}

/** The targets that a run measured; ratios are to the bare proxy in the same run. */
export const askedAndMeasured = (measured: Measured): string => {
  const rows = lines.flatMap(({ atMost, measured: of, unit, what }) => {
    const value = of(measured)
    // What is no number holds nothing.
    return value === undefined
      ? []
      : [[what, `${atMost} ${unit}`, written(value, unit), value <= atMost ? "yes" : "**no**"]]
  })
  return table([["", "asked: at most", "measured", "holds"], ...rows])
}
