import { Clock, Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { hash } from "node:crypto"
import type { InternalError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"

/** Who tries to guess: so many attempts are free, each later one doubles the wait from a second up to `longestWait`. */
export interface Subject {
  readonly name: string
  readonly free: number
}

export class TooManyAttempts extends Schema.TaggedError<TooManyAttempts>()("TooManyAttempts", {
  retryAfterMillis: Schema.Finite
}) {}

/**
 * Attempts at a secret. Each counts before its outcome is known, so that many at once are counted as well as one after the other.
 * They are counted in the database, where no outage of Redis lifts them; without a database nobody is let in.
 */
export class Attempts extends Context.Service<
  Attempts,
  {
    /** Counts an attempt of each subject, in their order, up to the first that has to wait. */
    readonly begin: (subjects: ReadonlyArray<Subject>) => Effect.Effect<void, TooManyAttempts | InternalError>
    /** Fails where one of them has to wait; counts nothing. */
    readonly check: (subjects: ReadonlyArray<Subject>) => Effect.Effect<void, TooManyAttempts | InternalError>
    /** An attempt that was begun was no guess: as though it had not been made. */
    readonly undo: (subjects: ReadonlyArray<Subject>) => Effect.Effect<void, InternalError>
    /** The subject has shown who it is: what was counted against it is forgotten. */
    readonly forget: (subject: Subject) => Effect.Effect<void, InternalError>
  }
>()("xrouter/oauth/Attempts") {
  static readonly layer = Layer.effect(
    Attempts,
    Effect.gen(function* () {
      const sql = yield* SqlClient

      const check = Effect.fn("Attempts.check")(function* (subjects: ReadonlyArray<Subject>) {
        const now = yield* Clock.currentTimeMillis
        const rows = yield* query(
          sql<{ blocked_until: Date }>`
            SELECT blocked_until FROM attempts
            WHERE subject = ANY(${subjects.map(keyOf)}::text[]) AND blocked_until > ${new Date(now)}::timestamptz`
        )
        if (rows.length === 0) return
        const until = Math.max(...rows.map((row) => row.blocked_until.getTime()))
        return yield* new TooManyAttempts({ retryAfterMillis: until - now })
      })

      const begin = Effect.fn("Attempts.begin")(function* (subjects: ReadonlyArray<Subject>) {
        for (const subject of subjects) {
          const now = new Date(yield* Clock.currentTimeMillis)
          const counted = yield* query(sql`
            INSERT INTO attempts AS a (subject, count, last_at, blocked_until)
            VALUES (${keyOf(subject)}, 1, ${now}::timestamptz, ${now}::timestamptz)
            ON CONFLICT (subject) DO UPDATE SET
              count = CASE WHEN a.last_at < ${now}::timestamptz - ${memory}::interval THEN 1 ELSE a.count + 1 END,
              last_at = ${now}::timestamptz,
              blocked_until = CASE
                WHEN a.last_at < ${now}::timestamptz - ${memory}::interval OR a.count + 1 < ${subject.free}::int
                THEN ${now}::timestamptz
                ELSE ${now}::timestamptz
                  + least(2 ^ least(a.count + 1 - ${subject.free}::int, 30), ${longestWait}::int) * interval '1 second'
              END
            WHERE a.blocked_until <= ${now}::timestamptz
            RETURNING count`)
          if (counted.length === 0) {
            yield* check([subject])
            // It was free again by the time it was looked at.
            return yield* new TooManyAttempts({ retryAfterMillis: 1000 })
          }
        }
      })

      const undo = Effect.fn("Attempts.undo")(function* (subjects: ReadonlyArray<Subject>) {
        const now = new Date(yield* Clock.currentTimeMillis)
        yield* query(sql`
          UPDATE attempts SET count = greatest(count - 1, 0), blocked_until = ${now}::timestamptz
          WHERE subject = ANY(${subjects.map(keyOf)}::text[])`)
      })

      const forget = Effect.fn("Attempts.forget")(function* (subject: Subject) {
        yield* query(sql`DELETE FROM attempts WHERE subject = ${keyOf(subject)}`)
      })

      return Attempts.of({ begin, check, undo, forget })
    })
  )
}

/** After that long without an attempt all is forgotten. */
const memory = "1 day"

/** Seconds. */
const longestWait = 900

/** Hashed: nobody's address or mistyped password shall be read in the table, and any text can be a name. */
const keyOf = ({ name }: Subject): string => hash("sha256", name, "hex")
