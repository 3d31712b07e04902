import { Deferred, Effect } from "effect"
import cluster from "node:cluster"
import { fileURLToPath } from "node:url"
import { isToPrimary, type ToPrimary, type ToWorker } from "./Messages.ts"

/** A process that answers on the gateway's port, as its primary sees it. */
export interface WorkerProcess {
  /** From 1; that which takes its place has the same. */
  readonly number: number
  readonly pid: number | undefined
  /** Waits for nothing. A message to one that is gone goes nowhere. */
  readonly send: (message: ToWorker) => void
  readonly ended: Effect.Effect<Ended>
}

export interface Ended {
  /** Undefined where a signal ended it, or it could not be started. */
  readonly code: number | undefined
  /** `code 1`, `SIGKILL` */
  readonly by: string
}

/**
 * Connections are the system's to hand out, to whichever worker is waiting: one that is busy, stopped or killed leaves them to the others,
 * and none passes through the primary (docs/decisions/0022-workers.md).
 */
export const shareListening: Effect.Effect<void> = Effect.sync(() => {
  cluster.schedulingPolicy = cluster.SCHED_NONE
})

/** Cannot fail: one that could not be started has ended. */
export type StartWorker = (
  number: number,
  onMessage: (worker: WorkerProcess, message: ToPrimary) => void
) => Effect.Effect<WorkerProcess>

export const startWorker: StartWorker = (number, onMessage) =>
  Effect.sync(() => {
    cluster.setupPrimary({ exec: entry, args: [String(number)], serialization: "advanced" })
    const forked = cluster.fork()
    const ended = Deferred.makeUnsafe<Ended>()
    const worker: WorkerProcess = {
      number,
      pid: forked.process.pid,
      send: (message) => void forked.process.send(message, () => undefined),
      ended: Deferred.await(ended)
    }
    forked.on("message", (message) => {
      if (isToPrimary(message)) onMessage(worker, message)
    })
    // What becomes of one that cannot be reached any more is told by its exit, if it ever ran.
    forked.on("error", (error: Error) => {
      if (forked.process.pid === undefined) {
        Deferred.doneUnsafe(ended, Effect.succeed({ code: undefined, by: error.message }))
      }
    })
    // Its exit may be known before its last words are read; the channel ends behind them.
    let end: Ended | undefined
    let isSilent = false
    const settle = () => {
      if (end !== undefined && isSilent) Deferred.doneUnsafe(ended, Effect.succeed(end))
    }
    forked.on("disconnect", () => {
      isSilent = true
      settle()
    })
    forked.on("exit", (code, signal) => {
      const isKilled = typeof signal === "string"
      end = isKilled ? { code: undefined, by: signal } : { code, by: `code ${code}` }
      settle()
    })
    return worker
  })

/** Beside the program as it was started: the sources, or `dist/`. */
const entry = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../worker.ts" : "./worker.js", import.meta.url))
