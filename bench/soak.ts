/** Half of the load that a gateway can bear, and a hundred slow streams, for long: does it stay as it is? */
import { truncateSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { exposition, type Gateway, sumOf } from "./gateway.ts"
import { prepare } from "./load.ts"
import { cpuMillis, memory } from "./processes.ts"
import { growthOf, spreadOf } from "./statistics.ts"
import type { Outcome } from "./tally.ts"
import type { Target } from "./targets.ts"

export interface SoakSample {
  readonly minute: number
  /** MB. */
  readonly resident: number
  readonly heap: number
  /** Cores in use since the last sample. */
  readonly cores: number
  /** p99 of the event loop's delay since the last sample, in milliseconds, as the gateway itself tells it. */
  readonly lagP99: number
}

export interface Soak {
  readonly minutes: number
  /** Requests a second that were sent beside the streams, and what the gateway reaches at its most. */
  readonly rate: number
  readonly most: number
  readonly streams: number
  readonly json: Outcome
  readonly paced: Outcome
  readonly samples: ReadonlyArray<SoakSample>
  /** Of the resident memory. */
  readonly growth: number
  /** The median and the highest of the samples', in milliseconds. */
  readonly lagP99: number
  readonly lagHighest: number
}

const connections = 64
const streams = 100
const pace = { pieces: 64, everyMillis: 100 }

export const measureSoak = async (
  gateway: Gateway,
  target: Target,
  minutes: number,
  tell: (sample: SoakSample) => void
): Promise<Soak> => {
  const most = await saturated(target, minutes)
  const rate = most / 2
  const millis = minutes * 60_000
  const load = await prepare({
    address: target,
    ask: { kind: "json" },
    connections,
    millis,
    gapMillis: (connections / rate) * 1000,
    spreadMillis: (connections / rate) * 1000
  })
  const slow = await prepare({
    address: target,
    ask: { kind: "paced", pace },
    connections: streams,
    millis,
    spreadMillis: 1000
  })
  const running = Promise.all([load.run(), slow.run()])
  const samples = await sampled(gateway, millis, tell)
  const [json, paced] = await running
  const lags = samples.map(({ lagP99 }) => lagP99)
  return {
    minutes,
    rate,
    most,
    streams,
    json,
    paced,
    samples,
    growth: growthOf(samples.map(({ resident }) => resident)),
    lagP99: spreadOf(lags).median,
    lagHighest: Math.max(...lags)
  }
}

/** Answers a second when it is never without a request; of the second half, when it is warm. */
const saturated = async (address: Target, minutes: number): Promise<number> => {
  const millis = minutes < 2 ? 3000 : 15_000
  const answersPerSecond = async () => {
    const { answers, seconds } = await (await prepare({ address, ask: { kind: "json" }, connections, millis })).run()
    return answers / seconds
  }
  await answersPerSecond()
  return answersPerSecond()
}

const sampled = async (
  gateway: Gateway,
  millis: number,
  tell: (sample: SoakSample) => void
): Promise<ReadonlyArray<SoakSample>> => {
  const every = Math.min(10_000, millis / 12)
  const startedAt = performance.now()
  const samples: Array<SoakSample> = []
  // The lag is told since the last scrape: what came before is not the soak's.
  await exposition(gateway)
  let before = { cpu: cpuMillis(gateway.pid), at: startedAt }
  for (let due = startedAt + every; due <= startedAt + millis; due += every) {
    await setTimeout(Math.max(0, due - performance.now()))
    const exposed = await exposition(gateway)
    const now = { cpu: cpuMillis(gateway.pid), at: performance.now() }
    const sample = {
      minute: (now.at - startedAt) / 60_000,
      resident: memory(gateway.pid).now,
      heap: sumOf(exposed, "xrouter_process_heap_bytes") / 1024 / 1024,
      cores: (now.cpu - before.cpu) / (now.at - before.at),
      lagP99: sumOf(exposed, "xrouter_process_event_loop_lag_p99_seconds") * 1000
    }
    samples.push(sample)
    tell(sample)
    before = now
    // Nobody reads these gigabytes; the file is appended to, so what follows starts at its beginning.
    truncateSync(gateway.logFile)
  }
  return samples
}
