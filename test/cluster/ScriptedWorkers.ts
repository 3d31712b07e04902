import { Deferred, Effect } from "effect"
import type { ToPrimary, ToWorker } from "../../src/cluster/Messages.ts"
import type { Ended, StartWorker, WorkerProcess } from "../../src/cluster/WorkerProcess.ts"

/** A worker that does what the test says, in the order in which they were started. */
export interface ScriptedWorker extends WorkerProcess {
  /** What its primary has said to it, without the numbers of questions. */
  readonly heard: Array<ToWorker["_tag"]>
  readonly say: (message: ToPrimary) => void
  readonly end: (ended: Ended) => void
}

export const makeWorker = (
  number: number,
  onMessage: (worker: WorkerProcess, message: ToPrimary) => void = () => undefined,
  answer: (message: ToWorker, worker: ScriptedWorker) => void = () => undefined
): ScriptedWorker => {
  const ended = Deferred.makeUnsafe<Ended>()
  const worker: ScriptedWorker = {
    number,
    pid: 100 + number,
    heard: [],
    send: (message) => {
      worker.heard.push(message._tag)
      answer(message, worker)
    },
    ended: Deferred.await(ended),
    say: (message) => onMessage(worker, message),
    end: (how) => Deferred.doneUnsafe(ended, Effect.succeed(how))
  }
  return worker
}

export const scriptedWorkers = (answer?: (message: ToWorker, worker: ScriptedWorker) => void) => {
  const workers: Array<ScriptedWorker> = []
  const start: StartWorker = (number, onMessage) =>
    Effect.sync(() => {
      const worker = makeWorker(number, onMessage, answer)
      workers.push(worker)
      return worker
    })
  return { start, workers }
}

export const listening: ToPrimary = { _tag: "Listening", url: "http://127.0.0.1:8080" }
export const killed: Ended = { code: undefined, by: "SIGKILL" }
export const orderly: Ended = { code: 0, by: "code 0" }
