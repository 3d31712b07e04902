import { Clock, Context, Duration, Effect, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { makeId } from "../auth/Id.ts"
import type { InternalError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import { Grants } from "./Grants.ts"
import { drawSecret, hashSecret } from "./Secret.ts"

/** A browser in which a user is signed in. */
export interface Session {
  readonly id: string
  readonly userId: string
  readonly email: string
  /** Unix milliseconds. */
  readonly signedInAt: number
}

/** Sessions of browsers, known by a secret that the browser keeps in a cookie; every sign-in makes a new one. */
export class Sessions extends Context.Service<
  Sessions,
  {
    /** The secret is in this answer and nowhere else. */
    readonly start: (userId: string) => Effect.Effect<Redacted.Redacted, InternalError>
    /** The session of a secret, while it is not over: of an unknown, ended or forgotten one there is none. */
    readonly find: (secret: string) => Effect.Effect<Session | undefined, InternalError>
    /** Ends it, and takes back what applications were allowed in it. */
    readonly end: (session: Session) => Effect.Effect<void, InternalError>
    /** Ends all of a user and takes back everything the user has allowed, as after a new password. */
    readonly endAll: (userId: string) => Effect.Effect<void, InternalError>
  }
>()("xrouter/oauth/Sessions") {
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const grants = yield* Grants

      const start = Effect.fn("Sessions.start")(function* (userId: string) {
        const secret = drawSecret()
        const now = yield* Clock.currentTimeMillis
        yield* query(sql`
          INSERT INTO sessions (id, hash, user_id, signed_in_at, seen_at, expires_at)
          VALUES (${yield* makeId("session")}, ${hashSecret(secret)}, ${userId}, ${new Date(now)}::timestamptz,
            ${new Date(now)}::timestamptz, ${new Date(now + Duration.toMillis(longest))}::timestamptz)`)
        return Redacted.make(secret, { label: "session" })
      })

      const find = Effect.fn("Sessions.find")(function* (secret: string) {
        if (!secretForm.test(secret)) return undefined
        const now = yield* Clock.currentTimeMillis
        const [row] = yield* query(
          Effect.flatMap(
            sql`
              SELECT s.id, s.user_id, u.email, s.signed_in_at, s.seen_at
              FROM sessions s JOIN users u ON u.id = s.user_id
              WHERE s.hash = ${hashSecret(secret)} AND s.ended_at IS NULL AND s.expires_at > ${new Date(now)}::timestamptz
                AND s.seen_at > ${new Date(now - Duration.toMillis(idle))}::timestamptz AND u.deleted_at IS NULL`,
            decodeRows
          )
        )
        if (row === undefined) return undefined
        if (row.seen_at.getTime() < now - Duration.toMillis(noted)) {
          yield* query(sql`UPDATE sessions SET seen_at = ${new Date(now)}::timestamptz WHERE id = ${row.id}`)
        }
        return { id: row.id, userId: row.user_id, email: row.email, signedInAt: row.signed_in_at.getTime() }
      })

      const end = Effect.fn("Sessions.end")(function* ({ id }: Session) {
        yield* grants.revokeWhere({ sessionId: id })
        const now = new Date(yield* Clock.currentTimeMillis)
        yield* query(sql`UPDATE sessions SET ended_at = ${now}::timestamptz WHERE id = ${id} AND ended_at IS NULL`)
      })

      const endAll = Effect.fn("Sessions.endAll")(function* (userId: string) {
        const now = new Date(yield* Clock.currentTimeMillis)
        yield* query(
          sql`UPDATE sessions SET ended_at = ${now}::timestamptz WHERE user_id = ${userId} AND ended_at IS NULL`
        )
        yield* grants.revokeWhere({ userId })
      })

      return Sessions.of({ start, find, end, endAll })
    })
  )
}

/** From the sign-in on, and without any request. */
const longest = Duration.days(7)
const idle = Duration.hours(12)

/** Not every request writes when it was. */
const noted = Duration.minutes(1)

const secretForm = /^[0-9a-f]{64}$/

const decodeRows = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({
      id: Schema.String,
      user_id: Schema.String,
      email: Schema.String,
      signed_in_at: Schema.Date,
      seen_at: Schema.Date
    })
  )
)
