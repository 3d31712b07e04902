/** Many streams open at once, as slow as models speak: what one costs in CPU and memory, and how late its pieces come. */
import { setTimeout } from "node:timers/promises"
import type { Pace } from "./conversation.ts"
import { held } from "./garbage.ts"
import { prepare } from "./load.ts"
import { cpuMillis, memory } from "./processes.ts"
import type { Running } from "./servers.ts"
import { quantile } from "./statistics.ts"
import type { Target } from "./targets.ts"

export interface SlowPlan {
  readonly streams: number
  readonly pace: Pace
  /** For so long each connection begins a new stream when one has ended. */
  readonly millis: number
}

export const usualSlow: SlowPlan = { streams: 500, pace: { pieces: 64, everyMillis: 100 }, millis: 14_000 }

export interface SlowResult {
  readonly target: Target
  readonly streams: number
  readonly errors: number
  readonly firstError: string | undefined
  readonly piecesPerSecond: number
  /** The target's. */
  readonly cpuMicrosPerPiece: number
  /** MB resident after a collection of garbage: of the warm process without load, with all streams open, and at their end. */
  readonly warm: number
  readonly opened: number
  readonly open: number
  readonly kilobytesPerStream: number
  /** MB resident at its highest, garbage included. */
  readonly highest: number
  /** Milliseconds from the upstream's write to the client's read. */
  readonly delayP50: number
  readonly delayP99: number
}

/** So long before the last streams are begun, which is when they become fewer. */
const closingMillis = 1500

/** Of a fresh process: what an older one holds would hide what the streams take. */
export const measureSlow = async (running: Running, plan: SlowPlan): Promise<SlowResult> => {
  const { pid, target } = running
  const json = await prepare({ address: target, ask: { kind: "json" }, connections: 16, millis: 1500 })
  const warmUps = [await json.run()]
  const streams = await prepare({ address: target, ask: { kind: "stream" }, connections: 16, millis: 1500 })
  warmUps.push(await streams.run())
  const warm = await held(running)

  const ask = { kind: "paced", pace: plan.pace } as const
  // Over the time of one stream: from then on one begins whenever another ends, evenly.
  const spreadMillis = plan.pace.everyMillis * plan.pace.pieces
  const openingMillis = spreadMillis + 500
  const load = await prepare({ address: target, ask, connections: plan.streams, millis: plan.millis, spreadMillis })
  const startedAt = performance.now()
  const run = load.run()
  await setTimeout(openingMillis)
  const opened = await held(running)
  const from = { cpu: cpuMillis(pid), pieces: load.delays().length, at: performance.now() }
  await setTimeout(plan.millis - closingMillis - (from.at - startedAt))
  const cpu = cpuMillis(pid) - from.cpu
  const delays = Float64Array.from(load.delays().slice(from.pieces)).sort()
  const seconds = (performance.now() - from.at) / 1000
  const open = await held(running)
  const outcome = await run

  const all = [...warmUps, outcome]
  return {
    target,
    streams: plan.streams,
    errors: all.reduce((sum, { errors }) => sum + errors, 0),
    firstError: all.find(({ firstError }) => firstError !== undefined)?.firstError,
    piecesPerSecond: delays.length / seconds,
    cpuMicrosPerPiece: (cpu * 1000) / delays.length,
    warm,
    opened,
    open,
    kilobytesPerStream: ((open - warm) * 1024) / plan.streams,
    highest: memory(pid).highest,
    delayP50: quantile(delays, 0.5),
    delayP99: quantile(delays, 0.99)
  }
}
