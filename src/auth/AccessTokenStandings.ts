import { Context, Deferred, Effect, Exit, FiberSet, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { InternalError } from "../domain/Errors.ts"
import { query, toInternalError } from "../storage/Query.ts"

/** What is to be known of a token beyond what it says: that it holds, and whose limits it counts against. */
export interface Standing {
  readonly tier: string
  readonly clientName: string
}

/**
 * What the database says of tokens: nothing of one that was taken back, by itself, with its grant, its client or its user. Look-ups
 * travel together, so that an instance that has just started, or lost count, asks a few times and not once for each token.
 */
export class AccessTokenStandings extends Context.Service<
  AccessTokenStandings,
  {
    readonly find: (tokenId: string) => Effect.Effect<Standing | undefined, InternalError>
  }
>()("xrouter/auth/AccessTokenStandings") {
  static readonly layer = Layer.effect(
    AccessTokenStandings,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const run = yield* FiberSet.makeRuntime()
      let waiting = new Map<string, Deferred.Deferred<Standing | undefined, InternalError>>()
      let working = false

      const lookUp = (ids: ReadonlyArray<string>) =>
        query(
          Effect.flatMap(
            sql`
              SELECT t.id, u.tier, c.name FROM oauth_tokens t
              JOIN oauth_grants g ON g.id = t.grant_id AND g.revoked_at IS NULL
              JOIN users u ON u.id = g.user_id AND u.deleted_at IS NULL
              JOIN oauth_clients c ON c.id = g.client_id AND c.deleted_at IS NULL
              WHERE t.id = ANY(${ids}::text[]) AND t.revoked_at IS NULL`,
            decodeRows
          )
        )

      const work = Effect.gen(function* () {
        // What is asked for in the same moment goes together.
        yield* Effect.yieldNow
        while (waiting.size > 0) {
          const batch = waiting
          waiting = new Map()
          const exit = yield* Effect.exit(lookUp([...batch.keys()]))
          const found = Exit.map(exit, (rows) => new Map(rows.map((row) => [row.id, row])))
          for (const [id, answer] of batch) {
            const standing = Exit.map(found, (rows) => {
              const row = rows.get(id)
              return row === undefined ? undefined : { tier: row.tier, clientName: row.name }
            })
            Deferred.doneUnsafe(answer, standing)
          }
        }
        working = false
      })

      return AccessTokenStandings.of({
        find: (tokenId) =>
          Effect.suspend(() => {
            const answer = waiting.get(tokenId) ?? Deferred.makeUnsafe<Standing | undefined, InternalError>()
            waiting.set(tokenId, answer)
            if (!working) {
              working = true
              run(work)
            }
            return Deferred.await(answer).pipe(Effect.catchDefect((defect) => Effect.fail(toInternalError(defect))))
          })
      })
    })
  )
}

const decodeRows = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ id: Schema.String, tier: Schema.String, name: Schema.String }))
)
