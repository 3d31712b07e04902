/**
 * Measures targets against the first of them. A machine's speed drifts, so each round gives every target a short slice in
 * turn, in an order that rotates, and only slices of one round are compared.
 */
import { type Load, type Outcome, run } from "./load.ts"
import { cpuMillis } from "./processes.ts"
import { quantile, type Spread, spreadOf } from "./statistics.ts"

export interface Target {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly apiKey: string
}

export interface Workload {
  readonly kind: Load["kind"]
  readonly connections: number
}

export interface Result {
  readonly target: Target
  readonly workload: Workload
  readonly answers: number
  readonly errors: number
  readonly firstError: string | undefined
  /** Answers a second. */
  readonly rate: Spread
  /** Milliseconds of the target's CPU for an answer. */
  readonly cpu: Spread
  /** To the first target, in the same round. */
  readonly rateRatio: Spread
  readonly cpuRatio: Spread
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

export interface Plan {
  readonly rounds: number
  readonly sliceMillis: number
  readonly warmUpMillis: number
}

interface Slice extends Outcome {
  readonly cpuPerAnswer: number
}

const slice = async (target: Target, workload: Workload, millis: number): Promise<Slice> => {
  let cpu = 0
  const outcome = await run({ ...target, ...workload, millis }, () => (cpu = cpuMillis(target.pid)))
  return { ...outcome, cpuPerAnswer: (cpuMillis(target.pid) - cpu) / outcome.answers }
}

export const measure = async (
  targets: ReadonlyArray<Target>,
  workload: Workload,
  { rounds, sliceMillis, warmUpMillis }: Plan
): Promise<ReadonlyArray<Result>> => {
  const warmUps: Array<Slice> = []
  for (const target of targets) warmUps.push(await slice(target, workload, warmUpMillis))

  const measured: Array<ReadonlyArray<Slice>> = []
  for (let round = 0; round < rounds; round++) {
    const slices: Array<Slice> = []
    for (let turn = 0; turn < targets.length; turn++) {
      const index = (round + turn) % targets.length
      const target = targets[index]
      if (target !== undefined) slices[index] = await slice(target, workload, sliceMillis)
    }
    measured.push(slices)
  }
  return targets.map((target, index) => resultOf(target, workload, index, warmUps, measured))
}

const resultOf = (
  target: Target,
  workload: Workload,
  index: number,
  warmUps: ReadonlyArray<Slice>,
  measured: ReadonlyArray<ReadonlyArray<Slice>>
): Result => {
  const pairs = measured.flatMap((slices) => {
    const [base] = slices
    const own = slices[index]
    return base === undefined || own === undefined ? [] : [{ base, own, rate: own.answers / own.seconds }]
  })
  const all = [...warmUps.slice(index, index + 1), ...pairs.map(({ own }) => own)]
  const sum = (of: (slice: Slice) => number) => all.reduce((total, one) => total + of(one), 0)
  return {
    target,
    workload,
    answers: sum((one) => one.answers),
    errors: sum((one) => one.errors),
    firstError: all.find((one) => one.firstError !== undefined)?.firstError,
    rate: spreadOf(pairs.map(({ rate }) => rate)),
    cpu: spreadOf(pairs.map(({ own }) => own.cpuPerAnswer)),
    rateRatio: spreadOf(pairs.map(({ base, rate }) => rate / (base.answers / base.seconds))),
    cpuRatio: spreadOf(pairs.map(({ base, own }) => own.cpuPerAnswer / base.cpuPerAnswer)),
    p50: spreadOf(pairs.map(({ own }) => quantile(own.latencies, 0.5))).median,
    p99: spreadOf(pairs.map(({ own }) => quantile(own.latencies, 0.99))).median
  }
}
