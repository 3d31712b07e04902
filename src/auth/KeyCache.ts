import { Cause, Clock, Context, Deferred, Duration, Effect, Exit, FiberSet, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Settings } from "../config/Settings.ts"
import { InternalError } from "../domain/Errors.ts"
import { query, toInternalError } from "../storage/Query.ts"
import { type Finding, KeyMemory } from "./KeyMemory.ts"
import { selectKeys } from "./KeyRow.ts"
import { Pace } from "./Pace.ts"
import { Revocations } from "./Revocations.ts"
import type { Revoked } from "./Revoked.ts"

/**
 * Keys by their hash, remembered for `Settings.keyCacheTtl` and forgotten at once when they are revoked or changed. A key that is in
 * use is looked up again when half of its time is over, in the background: callers wait for the first look-up only, and an outage of the
 * database shorter than the other half goes unnoticed. Look-ups travel together, and those that find nothing are paced: however
 * many unknown keys are tried, the database sees one query at a time and a few a second.
 */
export class KeyCache extends Context.Service<
  KeyCache,
  {
    /** What is remembered. Costs a look-up in memory. */
    readonly peek: (hash: string) => Finding | undefined
    /** What the database says. */
    readonly find: (hash: string) => Effect.Effect<Finding, InternalError>
    /** Forgets, so that the next request sees what the database says then. Only keys and users are of interest here. */
    readonly invalidate: (revoked: ReadonlyArray<Revoked> | "all") => Effect.Effect<void>
    /** Whether somebody could be let in without the database, at this time in Unix milliseconds. */
    readonly admitsAny: (time: number) => boolean
  }
>()("xrouter/auth/KeyCache") {
  static readonly layerNoDeps = Layer.effect(
    KeyCache,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const clock = yield* Clock.Clock
      const run = yield* FiberSet.makeRuntime()
      const memory = new KeyMemory(Duration.toMillis((yield* Settings).keyCacheTtl))
      const pace = new Pace(paceOfUnknown)
      // What is remembered for a time, or paced, must not stand still while the time of day is set back.
      const monotonic = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const flights = new Map<string, Flight>()
      let waiting: Array<Flight> = []
      let underWay: ReadonlyArray<Flight> = []
      let working = false

      const work = Effect.gen(function* () {
        // What is asked for in the same moment goes together.
        yield* Effect.yieldNow
        while (waiting.length > 0) {
          const pause = pace.waitAt(monotonic())
          if (pause > 0) yield* Effect.sleep(pause)
          underWay = waiting.slice(0, mostTogether)
          waiting = waiting.slice(mostTogether)
          const askedAt = monotonic()
          const exit = yield* Effect.exit(lookUp(underWay))
          if (Exit.isSuccess(exit) && underWay.some(({ hash }) => !exit.value.has(hash))) pace.spendAt(askedAt)
          land(underWay, exit, askedAt)
          underWay = []
        }
        working = false
      })

      const lookUp = (batch: ReadonlyArray<Flight>) =>
        query(
          selectKeys(
            sql,
            batch.map(({ hash }) => hash)
          ),
          patience
        )

      type Found = Effect.Success<ReturnType<typeof lookUp>>

      const land = (batch: ReadonlyArray<Flight>, exit: Exit.Exit<Found, InternalError>, askedAt: number) => {
        const outage = Exit.isFailure(exit) ? Exit.fail(asInternalError(exit.cause)) : undefined
        for (const flight of batch) {
          // Whatever was invalidated meanwhile may be of before: it answers those who wait, and is not remembered.
          const isCurrent = flights.get(flight.hash) === flight
          if (isCurrent) flights.delete(flight.hash)
          const finding = outage ?? findingOf(Exit.isSuccess(exit) ? exit.value.get(flight.hash) : undefined)
          if (isCurrent && Exit.isSuccess(finding)) memory.remember(flight.hash, finding.value, askedAt)
          if (isCurrent && Exit.isFailure(finding)) memory.postpone(flight.hash, monotonic())
          Deferred.doneUnsafe(flight.answer, finding)
        }
      }

      /** The look-up of this hash that is under way, or a new one; undefined where too many wait already. */
      const request = (hash: string): Flight | undefined => {
        const known = flights.get(hash)
        if (known !== undefined || flights.size >= mostFlights) return known
        const flight: Flight = { hash, answer: Deferred.makeUnsafe() }
        flights.set(hash, flight)
        waiting.push(flight)
        if (!working) {
          working = true
          run(work)
        }
        return flight
      }

      const find = Effect.fnUntraced(function* (hash: string) {
        const flight = request(hash)
        if (flight === undefined) return yield* crowded
        return yield* Effect.timeoutOrElse(Deferred.await(flight.answer), {
          duration: patience,
          orElse: () => Effect.fail(noAnswer)
        })
      })

      const invalidate = (revoked: ReadonlyArray<Revoked> | "all") =>
        Effect.sync(() => {
          if (revoked === "all") memory.clear()
          else memory.forget(revoked)
          // Whose keys they are is not known yet; those that still wait will be read after this.
          for (const { hash } of underWay) flights.delete(hash)
        })

      yield* (yield* Revocations).listen(invalidate)
      return KeyCache.of({
        peek: (hash) => {
          const now = monotonic()
          const entry = memory.recall(hash, now)
          if (entry !== undefined && entry.renewAt <= now) request(hash)
          return entry?.finding
        },
        find,
        invalidate,
        admitsAny: (time) => memory.admitsAny(monotonic(), time)
      })
    })
  )

  static readonly layer = KeyCache.layerNoDeps.pipe(Layer.provide(Revocations.layer))
}

interface Flight {
  readonly hash: string
  readonly answer: Deferred.Deferred<Finding, InternalError>
}

const mostTogether = 2_500
const mostFlights = 10_000
const patience = "1000 millis"
/** Of queries that find a key unknown: a burst of so many, then one in each so many milliseconds. */
const paceOfUnknown = { burst: 4, interval: 250 }

const crowded = InternalError.databaseUnavailable(new Error("too many keys wait to be looked up"))
const noAnswer = InternalError.databaseUnavailable(new Error(`keys were not found within ${patience}`))

const nobody: Exit.Exit<Finding> = Exit.succeed({ key: undefined })

const findingOf = (
  row: Exit.Exit<NonNullable<Finding["key"]>, unknown> | undefined
): Exit.Exit<Finding, InternalError> => {
  if (row === undefined) return nobody
  return Exit.isSuccess(row) ? Exit.succeed({ key: row.value }) : Exit.fail(asInternalError(row.cause))
}

const asInternalError = (cause: Cause.Cause<unknown>): InternalError => {
  const error = Cause.squash(cause)
  return error instanceof InternalError ? error : toInternalError(error)
}
