import { Clock, Context, Duration, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { isId, makeId } from "../auth/Id.ts"
import type { InternalError } from "../domain/Errors.ts"
import { scopes } from "../domain/Principal.ts"
import { query } from "../storage/Query.ts"
import type { AuthorizationRequest } from "./AuthorizationRequest.ts"
import { Clients } from "./Clients.ts"
import { Grants } from "./Grants.ts"
import { findRedirectUri } from "./RedirectUri.ts"
import { isWithin } from "./Scopes.ts"
import type { Session } from "./Sessions.ts"

/**
 * What a user is asked, between the question and the answer. It is kept here and not in the page: the answer says yes or no to what
 * was asked in this session, and can change nothing of it.
 */
export class Consent extends Context.Service<
  Consent,
  {
    /** Whether the user has to be asked. A client that has registered itself asks each time: nobody vouches for its name. */
    readonly isNeeded: (session: Session, request: AuthorizationRequest) => Effect.Effect<boolean, InternalError>
    /** The id of the question. */
    readonly ask: (session: Session, request: AuthorizationRequest) => Effect.Effect<string, InternalError>
    /** What was asked in this session under this id, once; undefined where it was answered, is too old or of another session. */
    readonly take: (session: Session, id: string) => Effect.Effect<AuthorizationRequest | undefined, InternalError>
  }
>()("xrouter/oauth/Consent") {
  static readonly layer = Layer.effect(
    Consent,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const clients = yield* Clients
      const grants = yield* Grants

      const isNeeded = Effect.fn("Consent.isNeeded")(function* (session: Session, request: AuthorizationRequest) {
        const { client, resources, scopes } = request
        if (client.isDynamic || request.prompt === "consent") return true
        return !(yield* grants.covers({ userId: session.userId, clientId: client.id, scopes, resources }))
      })

      const ask = Effect.fn("Consent.ask")(function* (session: Session, request: AuthorizationRequest) {
        const id = yield* makeId("request")
        const until = new Date((yield* Clock.currentTimeMillis) + Duration.toMillis(patience))
        yield* query(sql`
          WITH old AS (
            DELETE FROM oauth_requests WHERE session_id = ${session.id} AND id NOT IN (
              SELECT id FROM oauth_requests WHERE session_id = ${session.id} ORDER BY id DESC LIMIT ${mostOpen - 1}::int
            )
          )
          INSERT INTO oauth_requests (id, session_id, client_id, redirect_uri, state, code_challenge, scopes, resources, expires_at)
          VALUES (${id}, ${session.id}, ${request.client.id}, ${request.redirectUri}, ${request.state ?? null},
            ${request.codeChallenge}, ${request.scopes}::text[], ${request.resources}::text[], ${until}::timestamptz)`)
        return id
      })

      const take = Effect.fn("Consent.take")(function* (session: Session, id: string) {
        if (!isId("request", id)) return undefined
        const now = new Date(yield* Clock.currentTimeMillis)
        const [row] = yield* query(
          Effect.flatMap(
            sql`
              DELETE FROM oauth_requests
              WHERE id = ${id} AND session_id = ${session.id} AND expires_at > ${now}::timestamptz
              RETURNING client_id, redirect_uri, state, code_challenge, scopes, resources`,
            decodeRows
          )
        )
        if (row === undefined) return undefined
        // What the client may ask for can have changed since.
        const known = yield* clients.find(row.client_id)
        if (known === undefined || !isWithin(row.scopes, known.client.scopes)) return undefined
        if (findRedirectUri(known.client.redirectUris, row.redirect_uri) === undefined) return undefined
        return {
          client: known.client,
          redirectUri: row.redirect_uri,
          state: row.state ?? undefined,
          codeChallenge: row.code_challenge,
          scopes: row.scopes,
          resources: row.resources,
          prompt: undefined
        } satisfies AuthorizationRequest
      })

      return Consent.of({ isNeeded, ask, take })
    })
  )
}

/** For reading the page and deciding. */
const patience = Duration.minutes(10)

/** Pages that wait for an answer in one session. */
const mostOpen = 20

const decodeRows = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({
      client_id: Schema.String,
      redirect_uri: Schema.String,
      state: Schema.NullOr(Schema.String),
      code_challenge: Schema.String,
      scopes: Schema.Array(Schema.Literals(scopes)),
      resources: Schema.Array(Schema.String)
    })
  )
)
