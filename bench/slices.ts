/**
 * Measures targets against the first of them. A machine's speed drifts, so each round gives every target a short slice in
 * turn, in an order that rotates, and only slices of one round are compared.
 */
import { prepare } from "./load.ts"
import { cpuMillis } from "./processes.ts"
import { quantile, type Spread, spreadOf } from "./statistics.ts"
import type { Outcome } from "./tally.ts"
import type { Target } from "./targets.ts"
import type { Ask } from "./traffic.ts"

export interface Workload {
  readonly title: string
  readonly ask: Ask
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
  /** Milliseconds to the last byte. */
  readonly p50: Spread
  readonly p99: Spread
  /** Milliseconds to the first piece, of paced streams. */
  readonly first: Spread
  /** To the first target, in the same round: quotients, and milliseconds more. */
  readonly rateRatio: Spread
  readonly cpuRatio: Spread
  readonly p99Ratio: Spread
  readonly addedP50: Spread
  readonly addedFirst: Spread
}

export interface Plan {
  readonly rounds: number
  readonly sliceMillis: number
  /** Of a process; the targets that it is share the time. */
  readonly warmUpMillis: number
}

interface Slice extends Pick<Outcome, "answers" | "errors" | "firstError"> {
  readonly rate: number
  readonly cpu: number
  readonly p50: number
  readonly p99: number
  readonly first: number
}

const slice = async (target: Target, { ask, connections }: Workload, millis: number): Promise<Slice> => {
  const load = await prepare({ address: target, ask, connections, millis })
  const cpu = cpuMillis(target.pid)
  const { answers, errors, firstError, firstPieces, latencies, seconds } = await load.run()
  return {
    answers,
    errors,
    firstError,
    rate: answers / seconds,
    cpu: (cpuMillis(target.pid) - cpu) / answers,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    first: quantile(firstPieces, 0.5)
  }
}

export const measure = async (
  targets: ReadonlyArray<Target>,
  workload: Workload,
  { rounds, sliceMillis, warmUpMillis }: Plan
): Promise<ReadonlyArray<Result>> => {
  const warmUps: Array<Slice> = []
  for (const target of targets) {
    const sharing = targets.filter(({ pid }) => pid === target.pid).length
    warmUps.push(await slice(target, workload, warmUpMillis / sharing))
  }

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
    return base === undefined || own === undefined ? [] : [{ base, own }]
  })
  const all = [...warmUps.slice(index, index + 1), ...pairs.map(({ own }) => own)]
  const sum = (of: (slice: Slice) => number) => all.reduce((total, one) => total + of(one), 0)
  const spread = (of: (own: Slice, base: Slice) => number) => spreadOf(pairs.map(({ base, own }) => of(own, base)))
  return {
    target,
    workload,
    answers: sum((one) => one.answers),
    errors: sum((one) => one.errors),
    firstError: all.find((one) => one.firstError !== undefined)?.firstError,
    rate: spread((own) => own.rate),
    cpu: spread((own) => own.cpu),
    p50: spread((own) => own.p50),
    p99: spread((own) => own.p99),
    first: spread((own) => own.first),
    rateRatio: spread((own, base) => own.rate / base.rate),
    cpuRatio: spread((own, base) => own.cpu / base.cpu),
    p99Ratio: spread((own, base) => own.p99 / base.p99),
    addedP50: spread((own, base) => own.p50 - base.p50),
    addedFirst: spread((own, base) => own.first - base.first)
  }
}
