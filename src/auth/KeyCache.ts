import { Cause, Clock, Context, Deferred, Duration, Effect, Exit, FiberSet, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Settings } from "../config/Settings.ts"
import { InternalError } from "../domain/Errors.ts"
import { query, toInternalError } from "../storage/Query.ts"
import { type KnownKey, selectKeys } from "./KeyRow.ts"
import { RecentMap } from "./RecentMap.ts"

/** The key behind a hash, or that there is none. */
export interface Finding {
  readonly key: KnownKey | undefined
}

/**
 * Keys by their hash, remembered for `Settings.keyCacheTtl`. A key that is in use is looked up again when half of that is over,
 * in the background: callers wait for the first look-up only, and an outage of the database shorter than the other half goes
 * unnoticed. Look-ups travel together: however many unknown keys are tried, the database sees one query at a time.
 */
export class KeyCache extends Context.Service<
  KeyCache,
  {
    /** What is remembered, at this time in Unix milliseconds. Costs a look-up in memory. */
    readonly peek: (hash: string, now: number) => Finding | undefined
    /** What the database says. */
    readonly find: (hash: string) => Effect.Effect<Finding, InternalError>
    /** Forgets, so that the next request sees what the database says then. */
    readonly invalidate: (hashes: ReadonlyArray<string> | "all") => Effect.Effect<void>
  }
>()("xrouter/auth/KeyCache") {
  static readonly layer = Layer.effect(
    KeyCache,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const clock = yield* Clock.Clock
      const run = yield* FiberSet.makeRuntime()
      const memory = new Memory(Duration.toMillis((yield* Settings).keyCacheTtl))
      const flights = new Map<string, Flight>()
      let waiting: Array<Flight> = []
      let working = false

      const work = Effect.gen(function* () {
        // What is asked for in the same moment goes together.
        yield* Effect.yieldNow
        while (waiting.length > 0) {
          const batch = waiting.slice(0, mostTogether)
          waiting = waiting.slice(mostTogether)
          land(
            batch,
            yield* Effect.exit(
              query(
                selectKeys(
                  sql,
                  batch.map(({ hash }) => hash)
                )
              )
            )
          )
        }
        working = false
      })

      const land = (batch: ReadonlyArray<Flight>, exit: Exit.Exit<ReadonlyMap<string, KnownKey>, InternalError>) => {
        const now = clock.currentTimeMillisUnsafe()
        const failure = Exit.isFailure(exit) ? asInternalError(exit.cause) : undefined
        for (const flight of batch) {
          // Whatever was invalidated meanwhile may be of before: it answers those who wait, and is not remembered.
          const isCurrent = flights.get(flight.hash) === flight
          if (isCurrent) flights.delete(flight.hash)
          if (Exit.isFailure(exit)) {
            if (isCurrent) memory.postpone(flight.hash, now)
            Deferred.doneUnsafe(flight.answer, Effect.fail(failure ?? crowded))
          } else {
            const finding = { key: exit.value.get(flight.hash) }
            if (isCurrent) memory.remember(flight.hash, finding, now)
            Deferred.doneUnsafe(flight.answer, Effect.succeed(finding))
          }
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
        return yield* Deferred.await(flight.answer).pipe(
          Effect.timeoutOrElse({
            duration: patience,
            orElse: () =>
              Effect.fail(InternalError.databaseUnavailable(new Error(`a key was not found within ${patience}`)))
          })
        )
      })

      return KeyCache.of({
        peek: (hash, now) => {
          const entry = memory.recall(hash, now)
          if (entry !== undefined && entry.renewAt <= now) request(hash)
          return entry?.finding
        },
        find,
        invalidate: (hashes) =>
          Effect.sync(() => {
            if (hashes === "all") {
              memory.clear()
              flights.clear()
            } else {
              for (const hash of hashes) {
                memory.forget(hash)
                flights.delete(hash)
              }
            }
          })
      })
    })
  )
}

interface Flight {
  readonly hash: string
  readonly answer: Deferred.Deferred<Finding, InternalError>
}

interface Entry {
  readonly finding: Finding
  readonly expiresAt: number
  /** From when on it is looked up again. */
  renewAt: number
}

const mostTogether = 500
const mostFlights = 10_000
const mostKeys = 10_000
const unknownTtl = 10_000
const renewalPause = 1_000
const patience = "1 second"

const crowded = InternalError.databaseUnavailable(new Error("too many keys wait to be looked up"))

/** Known and unknown keys apart: a flood of unknown ones must not push out a known one. */
class Memory {
  readonly #known = new RecentMap<Entry>(mostKeys)
  readonly #unknown = new RecentMap<Entry>(mostKeys)
  readonly #ttl: number

  constructor(ttl: number) {
    this.#ttl = ttl
  }

  recall(hash: string, now: number): Entry | undefined {
    const entry = this.#known.get(hash) ?? this.#unknown.get(hash)
    if (entry === undefined || now < entry.expiresAt) return entry
    this.forget(hash)
    return undefined
  }

  remember(hash: string, finding: Finding, now: number) {
    this.forget(hash)
    const isKnown = finding.key !== undefined
    const ttl = isKnown ? this.#ttl : Math.min(unknownTtl, this.#ttl)
    const renewAt = isKnown ? now + ttl / 2 : Infinity
    const map = isKnown ? this.#known : this.#unknown
    map.set(hash, { finding, expiresAt: now + ttl, renewAt })
  }

  /** A renewal failed: the next one in a while. */
  postpone(hash: string, now: number) {
    const entry = this.#known.get(hash)
    if (entry !== undefined) entry.renewAt = now + renewalPause
  }

  forget(hash: string) {
    this.#known.delete(hash)
    this.#unknown.delete(hash)
  }

  clear() {
    this.#known.clear()
    this.#unknown.clear()
  }
}

const asInternalError = (cause: Cause.Cause<InternalError>): InternalError => {
  const error = Cause.squash(cause)
  return error instanceof InternalError ? error : toInternalError(error)
}
