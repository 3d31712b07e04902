import { Clock, Deferred, Effect, FiberSet, Layer } from "effect"
import { isatty } from "node:tty"
import { Settings } from "../config/Settings.ts"
import { anotherSignal } from "../Signals.ts"
import { StartError } from "../StartError.ts"
import { makeGathering } from "./Gathering.ts"
import type { ToPrimary, ToWorker } from "./Messages.ts"
import { type Ended, shareListening, type StartWorker, startWorker, type WorkerProcess } from "./WorkerProcess.ts"

/** Milliseconds before another worker takes the place of one that has ended; twice as long each time. */
const shortestPause = 200
const longestPause = 30_000
/** Nanoseconds. One that has served for so long has not died of its start. */
const soundAfter = 60_000_000_000n

const standardOutput = 1

/**
 * As many workers as the settings say, from when all of them listen until the scope closes and they have finished what they had begun. Fails
 * where one cannot start; later another one takes the place of whichever ends.
 */
export const supervise = Effect.fn("Supervision.supervise")(function* (startWorker: StartWorker) {
  const { workers: count } = yield* Settings
  const run = yield* FiberSet.makeRuntime()
  const gathering = makeGathering(count)
  const living = new Map<number, WorkerProcess>()
  const listening = new Set<WorkerProcess>()
  const refusals = new Map<WorkerProcess, string>()
  const started = yield* Deferred.make<void, StartError>()
  let isStarted = false

  const tellAll = (message: ToWorker) => {
    for (const worker of living.values()) worker.send(message)
  }

  const onMessage = (worker: WorkerProcess, message: ToPrimary) => {
    switch (message._tag) {
      case "Listening": {
        listening.add(worker)
        gathering.join(worker)
        run((isStarted ? Effect.logInfo : Effect.logDebug)(`${nameOf(worker)} takes connections`))
        if (!isStarted && listening.size === count) {
          isStarted = true
          run(
            Effect.logInfo(`XRouter listens on ${message.url}, with ${count} workers`).pipe(
              Effect.andThen(Deferred.succeed(started, undefined))
            )
          )
        }
        return
      }
      case "Refused":
        return void refusals.set(worker, message.message)
      case "Measures":
        return gathering.hear(worker, message.question, message.series)
      case "Gather":
        run(
          Effect.map(gathering.gather, (series) =>
            worker.send({ _tag: "Measured", question: message.question, series })
          )
        )
    }
  }

  const start = (number: number) =>
    startWorker(number, onMessage).pipe(
      Effect.tap((worker) => Effect.sync(() => living.set(number, worker))),
      Effect.uninterruptible
    )

  /** What an end of a worker comes to: how it was, and whether it had served. */
  const buried = (worker: WorkerProcess, { by }: Ended) => {
    living.delete(worker.number)
    gathering.leave(worker)
    const refusal = refusals.get(worker)
    refusals.delete(worker)
    const hadServed = listening.delete(worker)
    return { hadServed, refusal, how: `${nameOf(worker)} ended by ${by}` }
  }

  const keep = Effect.fnUntraced(function* (number: number) {
    let pause = shortestPause
    while (true) {
      const since = yield* Clock.monotonicTimeNanos
      const worker = yield* start(number)
      const ended = yield* worker.ended
      const { hadServed, how, refusal } = buried(worker, ended)
      if (!isStarted && !hadServed) {
        const message = refusal ?? `${how} before it could serve`
        // One that ended in order has not done what it was started for either.
        return yield* Deferred.fail(started, new StartError({ message, exitCode: ended.code || 1 }))
      }
      if ((yield* Clock.monotonicTimeNanos) - since > soundAfter) pause = shortestPause
      const text = `${how}${refusal === undefined ? "" : `: ${refusal}`}. Another one starts in ${pause} milliseconds`
      // One that somebody has told to stop has done so.
      yield* ended.code === 0 ? Effect.logInfo(text) : Effect.logError(text)
      yield* Effect.sleep(pause)
      pause = Math.min(pause * 2, longestPause)
      gathering.countRestart()
    }
  })

  const stopAll = Effect.gen(function* () {
    const workers = [...living.values()]
    tellAll({ _tag: "Stop" })
    // Nobody was promised anything yet.
    if (isStarted) yield* Effect.logInfo(`Told to stop: ${workers.length} workers finish what they have begun`)
    else tellAll({ _tag: "Hasten" })
    const hastened = Effect.andThen(
      anotherSignal,
      Effect.sync(() => tellAll({ _tag: "Hasten" }))
    )
    const ends = Effect.forEach(workers, ({ ended }) => ended, { concurrency: "unbounded" })
    const all = yield* Effect.raceFirst(ends, Effect.andThen(hastened, Effect.never))
    for (const [index, { by, code }] of all.entries()) {
      const worker = workers[index]
      if (isStarted && worker !== undefined && code !== 0) yield* Effect.logWarning(`${nameOf(worker)} ended by ${by}`)
    }
  })

  yield* onHangup(() => tellAll({ _tag: "Reload" }))
  // Closed in the reverse order: first nobody starts workers any more, then those that live are told.
  yield* Effect.addFinalizer(() => stopAll)
  yield* Effect.forEach(
    Array.from({ length: count }, (_, index) => index + 1),
    (number) => Effect.forkScoped(keep(number)),
    { discard: true }
  )
  yield* Deferred.await(started)
})

/** The gateway's workers, processes of this machine. */
export const Supervision = Layer.effectDiscard(Effect.andThen(shareListening, supervise(startWorker)))

/** In a terminal it means that the terminal is gone, and ends us as it would anybody. */
const onHangup = (listener: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => void process.on("SIGHUP", listener)),
    () => Effect.sync(() => void process.off("SIGHUP", listener))
  ).pipe(Effect.when(Effect.sync(() => !isatty(standardOutput))))

const nameOf = ({ number, pid }: WorkerProcess): string =>
  `Worker ${number}${pid === undefined ? "" : ` (process ${pid})`}`
