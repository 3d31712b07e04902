import { Clock, Context, Duration, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { makeId } from "../auth/Id.ts"
import { Revocations } from "../auth/Revocations.ts"
import { Settings } from "../config/Settings.ts"
import type { InternalError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import { type Client, clientColumns, readClients } from "./Client.ts"
import { type ClientMetadata, readMetadata } from "./ClientMetadata.ts"
import { Clients } from "./Clients.ts"
import { OAuthError, oauthError } from "./OAuthError.ts"
import { drawSecret, hashSecret, isSecretOf } from "./Secret.ts"

/** A registered client, with what is told this once. */
export interface Registered {
  readonly client: Client
  readonly secret: Redacted.Redacted | undefined
  /** With it the client reads, changes and removes its registration (RFC 7592); a change brings a new one. */
  readonly registrationToken: Redacted.Redacted | undefined
}

/** Clients that register themselves (RFC 7591) and look after their registration (RFC 7592). */
export class Registration extends Context.Service<
  Registration,
  {
    /** `metadata` is what the client has sent, whatever that is; `address` is where it comes from. */
    readonly register: (request: {
      readonly metadata: unknown
      readonly address: string
    }) => Effect.Effect<Registered, OAuthError | InternalError>
    readonly read: (id: string, token: string | undefined) => Effect.Effect<Registered, OAuthError | InternalError>
    readonly replace: (
      id: string,
      token: string | undefined,
      metadata: unknown
    ) => Effect.Effect<Registered, OAuthError | InternalError>
    readonly remove: (id: string, token: string | undefined) => Effect.Effect<void, OAuthError | InternalError>
  }
>()("xrouter/oauth/Registration") {
  static readonly layerNoDeps = Layer.effect(
    Registration,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const clients = yield* Clients
      const revocations = yield* Revocations
      const { clientRegistration } = yield* Settings
      const columns = sql.literal(clientColumns)

      const valid = (metadata: unknown): Effect.Effect<ClientMetadata, OAuthError> => {
        const read = readMetadata(metadata)
        return read instanceof OAuthError ? Effect.fail(read) : Effect.succeed(read)
      }

      const register: Registration["Service"]["register"] = Effect.fn("Registration.register")(function* (request) {
        if (clientRegistration === "closed") return yield* closed
        const wish = yield* valid(request.metadata)
        const secret = wish.authMethods.includes("none") ? undefined : drawSecret()
        const registrationToken = drawSecret()
        const now = yield* Clock.currentTimeMillis
        const id = yield* makeId("client")
        const made = yield* query(
          sql.withTransaction(
            Effect.gen(function* () {
              // One after the other: what is counted must not change before it counts.
              yield* sql`SELECT pg_advisory_xact_lock(${sql.literal(String(lock))})`
              const [counted] = yield* sql<{ here: number; all: number; oldest: Date | null }>`
                SELECT count(*)::int AS all, count(*) FILTER (WHERE recent)::int AS here,
                  min(created_at) FILTER (WHERE recent) AS oldest
                FROM (
                  SELECT created_at, registered_from = ${request.address}
                    AND created_at > ${new Date(now - Duration.toMillis(window))}::timestamptz AS recent
                  FROM oauth_clients WHERE is_dynamic AND deleted_at IS NULL
                ) c`
              if (counted !== undefined && (counted.here >= mostPerAddress || counted.all >= mostInAll)) {
                return (counted.oldest?.getTime() ?? now) + Duration.toMillis(window) - now
              }
              const [row] = yield* readClients(sql`
                INSERT INTO oauth_clients (id, name, secret_hash, auth_methods, redirect_uris, scopes, is_dynamic,
                  registered_from, registration_token_hash, created_at)
                VALUES (${id}, ${wish.name}, ${secret === undefined ? null : hashSecret(secret)},
                  ${wish.authMethods}::text[], ${wish.redirectUris}::text[], ${wish.scopes}::text[], true,
                  ${request.address}, ${hashSecret(registrationToken)}, ${new Date(now)}::timestamptz)
                RETURNING ${columns}`)
              return row
            })
          )
        )
        if (typeof made === "number") {
          return yield* new OAuthError({
            error: "slow_down",
            description: "Too many clients were registered; try again later",
            retryAfterMillis: made
          })
        }
        if (made === undefined) return yield* Effect.die(new Error("An INSERT has returned no row"))
        return {
          client: made.client,
          secret: secret === undefined ? undefined : Redacted.make(secret, { label: "client secret" }),
          registrationToken: Redacted.make(registrationToken, { label: "registration token" })
        }
      })

      /** The client of a registration token: of an unknown client and of a wrong token the same is told. */
      const own = Effect.fnUntraced(function* (id: string, token: string | undefined) {
        const known = yield* clients.find(id)
        const isRight = isSecretOf(token ?? "", known?.registrationTokenHash ?? nobody)
        return known !== undefined && isRight ? known.client : yield* wrongToken
      })

      const read = Effect.fn("Registration.read")(function* (id: string, token: string | undefined) {
        return { client: yield* own(id, token), secret: undefined, registrationToken: undefined }
      })

      const replace = Effect.fn("Registration.replace")(function* (
        id: string,
        token: string | undefined,
        metadata: unknown
      ) {
        const before = yield* own(id, token)
        const wish = yield* valid(metadata)
        if (wish.authMethods.includes("none") === before.isConfidential) {
          return yield* oauthError("invalid_client_metadata", "A client cannot change between public and confidential")
        }
        const registrationToken = drawSecret()
        const [row] = yield* query(
          readClients(sql`
            UPDATE oauth_clients SET name = ${wish.name}, redirect_uris = ${wish.redirectUris}::text[],
              scopes = ${wish.scopes}::text[], auth_methods = ${wish.authMethods}::text[],
              registration_token_hash = ${hashSecret(registrationToken)}
            WHERE id = ${id} AND deleted_at IS NULL AND registration_token_hash = ${hashSecret(token ?? "")}
            RETURNING ${columns}`)
        )
        if (row === undefined) return yield* wrongToken
        yield* revocations.announce([{ kind: "client", id }])
        return {
          client: row.client,
          secret: undefined,
          registrationToken: Redacted.make(registrationToken, { label: "registration token" })
        }
      })

      const remove = Effect.fn("Registration.remove")(function* (id: string, token: string | undefined) {
        yield* own(id, token)
        const now = new Date(yield* Clock.currentTimeMillis)
        yield* query(sql`UPDATE oauth_clients SET deleted_at = ${now}::timestamptz WHERE id = ${id}`)
        yield* revocations.announce([{ kind: "client", id }])
      })

      return Registration.of({ register, read, replace, remove })
    })
  )

  static readonly layer = Registration.layerNoDeps.pipe(Layer.provide(Revocations.layer))
}

const window = Duration.hours(1)
const mostPerAddress = 20
/** Those that were never used are swept away after a day. */
const mostInAll = 10_000

/** Any number that no one else locks; the same in every version. */
const lock = 5_843_201_777

const nobody = hashSecret(drawSecret())

const closed = oauthError("access_denied", "Clients cannot register themselves here; ask the administrator for one")

const wrongToken = oauthError("invalid_token", "The registration token is not valid for this client")
