import { Effect } from "effect"
import { performance } from "node:perf_hooks"
import type { Series } from "../telemetry/Series.ts"
import { sumOf, totalsOf } from "../telemetry/SeriesSum.ts"
import type { WorkerProcess } from "./WorkerProcess.ts"

/** A worker that answers nobody for so long hangs; it may wait for the database, which is given less. */
const patience = "1500 millis"

/**
 * What all workers have measured, as one. Totals never fall, or whoever reads them would take it for a start from nothing: those of a worker
 * that has ended stay in the sum, and of one that does not answer those that it told last.
 */
export const makeGathering = (count: number) => {
  const last = new Map<WorkerProcess, ReadonlyArray<Series>>()
  const questions = new Map<number, (series: ReadonlyArray<Series>) => void>()
  let asked = 0
  let departed: ReadonlyArray<Series> = []
  let restarts = 0

  const ask = (worker: WorkerProcess) =>
    Effect.callback<ReadonlyArray<Series>>((resume) => {
      const question = asked++
      questions.set(question, (series) => resume(Effect.succeed(series)))
      worker.send({ _tag: "Measure", question })
      return Effect.sync(() => void questions.delete(question))
    }).pipe(Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.undefined }))

  return {
    /** It can be asked from now on. */
    join: (worker: WorkerProcess): void => void last.set(worker, []),

    /** What it has told last is what it has done. */
    leave: (worker: WorkerProcess): void => {
      departed = sumOf([departed, totalsOf(last.get(worker) ?? [])])
      last.delete(worker)
    },

    countRestart: (): void => void (restarts += 1),

    /** A worker's answer, or its last word. */
    hear: (worker: WorkerProcess, question: number | undefined, series: ReadonlyArray<Series>): void => {
      if (last.has(worker)) last.set(worker, series)
      if (question === undefined) return
      questions.get(question)?.(series)
      questions.delete(question)
    },

    gather: Effect.gen(function* () {
      const workers = [...last.keys()]
      const answers = yield* Effect.forEach(workers, ask, { concurrency: "unbounded" })
      const told = workers.flatMap((worker, index) => {
        const known = last.get(worker)
        // One that has ended meanwhile is among the departed.
        return known === undefined ? [] : [answers[index] ?? totalsOf(known)]
      })
      const answering = answers.filter((answer) => answer !== undefined).length
      return sumOf([...told, departed, ofThePrimary({ count, answering, restarts })])
    })
  }
}

export type Gathering = ReturnType<typeof makeGathering>

const ofThePrimary = (has: {
  readonly count: number
  readonly answering: number
  readonly restarts: number
}): ReadonlyArray<Series> => [
  // The gateway has run since then, however young its workers are.
  {
    type: "Gauge",
    id: "xrouter_process_start_time_seconds",
    description: "When the process started, Unix time",
    attributes: {},
    value: performance.timeOrigin / 1000
  },
  {
    type: "Gauge",
    id: "xrouter_workers",
    description: "Processes that are to answer on this port",
    attributes: {},
    value: has.count
  },
  {
    type: "Gauge",
    id: "xrouter_workers_answering",
    description: "Those of them that told what they have measured, this time",
    attributes: {},
    value: has.answering
  },
  {
    type: "Counter",
    id: "xrouter_worker_restarts_total",
    description: "Workers that took the place of one that had ended",
    attributes: {},
    value: has.restarts
  }
]
