import { Array as Arr, Clock, Effect, Semaphore } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
import { InternalError } from "../domain/Errors.ts"
import { codeOf, query } from "../storage/Query.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { Journal } from "./Journal.ts"
import { upsert } from "./UsageTable.ts"

/** Lines that come soon after one another go together. */
const gathering = "500 millis"
/** While the database does not take them. */
const retryEvery = "500 millis"
/** A call that runs longer is told of while it runs; most never cost a second write. */
const longMillis = 10_000
const mostTogether = 200
const lookEvery = "5 seconds"
/** How long the end of the process may be held up; what is left then is shipped at the next start. */
const lastPatience = "5 seconds"

/** Brings the journal's calls into the database, in the background and in batches, for as long as the scope is open. */
export const makeShipping = Effect.fn("Shipping.make")(function* (onShipped: () => void = () => undefined) {
  const journal = yield* Journal
  const sql = yield* SqlClient
  const metrics = yield* Metrics
  const oneAtATime = yield* Semaphore.make(1)
  const measure = () => metrics.setUsagePending(journal.waiting())
  measure()

  const settle = Effect.gen(function* () {
    while (true) {
      const portion = yield* Effect.mapError(journal.next, unreadable)
      if (portion === undefined) return
      yield* write(portion.calls.map(({ line }) => line))
      yield* journal.shipped(portion)
      onShipped()
      measure()
    }
  })

  const tellOf = Effect.fnUntraced(function* (before: number) {
    for (const calls of Arr.chunksOf(journal.running(before), mostTogether)) {
      yield* write(calls.map(({ line }) => line))
      journal.told(calls)
    }
  })

  const write = (lines: ReadonlyArray<string>): Effect.Effect<void, InternalError> =>
    Effect.catch(query(upsert(sql, lines)), (error) => (isOfTheLines(error) ? writeInHalves(lines, error) : error))

  /** One call that the database will not take must not hold up all others. */
  const writeInHalves = (lines: ReadonlyArray<string>, error: InternalError): Effect.Effect<void, InternalError> => {
    const [line, second] = lines
    if (line === undefined) return Effect.void
    if (second !== undefined) {
      const half = Math.ceil(lines.length / 2)
      return Effect.andThen(write(lines.slice(0, half)), write(lines.slice(half)))
    }
    return Effect.logError("The database refuses a call's usage; it is put aside in refused.jsonl", error).pipe(
      Effect.andThen(Effect.mapError(journal.setAside(line), unreadable))
    )
  }

  /** All that has ended, and with `everything` what runs as well. */
  const flush = Effect.fn("Shipping.flush")(
    function* (everything: boolean) {
      yield* journal.written
      yield* settle
      yield* tellOf(everything ? Number.POSITIVE_INFINITY : (yield* Clock.currentTimeMillis) - longMillis)
    },
    Effect.ensuring(Effect.sync(measure)),
    oneAtATime.withPermit
  )

  const forever = Effect.gen(function* () {
    let isAway = false
    while (true) {
      yield* Effect.timeoutOption(journal.unshipped, lookEvery)
      yield* Effect.sleep(gathering)
      const failure = yield* Effect.match(flush(false), { onFailure: (error) => error, onSuccess: () => undefined })
      if (failure !== undefined && !isAway) {
        yield* Effect.logWarning("Usage cannot be written to the database; it waits in the journal", failure)
      } else if (failure === undefined && isAway) {
        yield* Effect.logInfo("Usage is written to the database again")
      }
      isAway = failure !== undefined
      if (isAway) yield* Effect.sleep(retryEvery)
    }
  })
  // Registered first, so that the fiber is gone when the last of the calls are shipped.
  yield* Effect.addFinalizer(() =>
    flush(false).pipe(
      Effect.timeout(lastPatience),
      Effect.catch((error) =>
        Effect.logWarning(`Calls whose usage waits in the journal for the next start: ${journal.waiting()}`, error)
      )
    )
  )
  yield* Effect.forkScoped(forever)

  return { flush }
})

/** SQLSTATE classes 22 and 23: something in the lines themselves, now and whenever they are tried again. */
const isOfTheLines = ({ cause }: InternalError): boolean =>
  cause instanceof SqlError && /^2[23]/.test(codeOf(cause) ?? "")

const unreadable = (cause: unknown) =>
  new InternalError({ reason: "unexpected", message: "The usage journal cannot be read", cause })
