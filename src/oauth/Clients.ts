import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { isId, makeId } from "../auth/Id.ts"
import { makePage, type Page, type PageRequest, readPageRequest } from "../auth/Page.ts"
import { Revocations } from "../auth/Revocations.ts"
import { type InternalError, ValidationError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import { type Client, clientColumns, type KnownClient, readClients } from "./Client.ts"
import { clientFault, knownScopes } from "./ClientRules.ts"
import { drawSecret, hashSecret } from "./Secret.ts"
import { defaultScopes } from "./Scopes.ts"

export interface NewClient {
  readonly name: string
  readonly redirectUris: ReadonlyArray<string>
  /** True where it is not said: a client that can keep a secret gets one. */
  readonly confidential?: boolean | undefined
  /** `inference` where it is not said. */
  readonly scopes?: ReadonlyArray<string> | undefined
}

/** What is not named stays. */
export interface ClientChanges {
  readonly name?: string | undefined
  readonly redirectUris?: ReadonlyArray<string> | undefined
  readonly scopes?: ReadonlyArray<string> | undefined
}

/** The applications that may ask users for access. */
export class Clients extends Context.Service<
  Clients,
  {
    /** The secret is in this answer and nowhere else. */
    readonly create: (
      client: NewClient
    ) => Effect.Effect<
      { readonly client: Client; readonly secret: Redacted.Redacted | undefined },
      ValidationError | InternalError
    >
    readonly get: (id: string) => Effect.Effect<Client, ValidationError | InternalError>
    readonly list: (request: PageRequest) => Effect.Effect<Page<Client>, ValidationError | InternalError>
    readonly update: (id: string, changes: ClientChanges) => Effect.Effect<Client, ValidationError | InternalError>
    /** Revokes all that it was given. */
    readonly remove: (id: string) => Effect.Effect<void, ValidationError | InternalError>
    /** For the rules of the protocol, where an unknown client is no error of whoever asks for it. */
    readonly find: (id: string) => Effect.Effect<KnownClient | undefined, InternalError>
  }
>()("xrouter/oauth/Clients") {
  static readonly layerNoDeps = Layer.effect(
    Clients,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const revocations = yield* Revocations
      const columns = sql.literal(clientColumns)
      const living = sql.literal("oauth_clients WHERE deleted_at IS NULL")

      const create = Effect.fn("Clients.create")(function* (wish: NewClient) {
        yield* check(wish)
        const secret = wish.confidential === false ? undefined : drawSecret()
        const methods = secret === undefined ? ["none"] : ["client_secret_basic", "client_secret_post"]
        const [made] = yield* query(
          readClients(sql`
            INSERT INTO oauth_clients (id, name, secret_hash, auth_methods, redirect_uris, scopes, is_dynamic, created_at)
            VALUES (${yield* makeId("client")}, ${wish.name}, ${secret === undefined ? null : hashSecret(secret)},
              ${methods}::text[], ${wish.redirectUris}::text[], ${knownScopes(wish.scopes ?? defaultScopes)}::text[], false,
              ${new Date(yield* Clock.currentTimeMillis)}::timestamptz)
            RETURNING ${columns}`)
        )
        if (made === undefined) return yield* Effect.die(new Error("An INSERT has returned no row"))
        return {
          client: made.client,
          secret: secret === undefined ? undefined : Redacted.make(secret, { label: "client secret" })
        }
      })

      const find = Effect.fn("Clients.find")(function* (id: string) {
        if (!isId("client", id)) return undefined
        const [row] = yield* query(readClients(sql`SELECT ${columns} FROM ${living} AND id = ${id}`))
        return row
      })

      const get = Effect.fn("Clients.get")(function* (id: string) {
        return (yield* find(id))?.client ?? (yield* noClient)
      })

      const list = Effect.fn("Clients.list")(function* (request: PageRequest) {
        const { limit, rows, before } = yield* readPageRequest(request)
        const found = yield* query(
          readClients(sql`SELECT ${columns} FROM ${living} AND id < ${before} ORDER BY id DESC LIMIT ${rows}::int`)
        )
        return makePage(
          found.map(({ client }) => client),
          limit
        )
      })

      const update = Effect.fn("Clients.update")(function* (id: string, changes: ClientChanges) {
        if (!isId("client", id)) return yield* noClient
        yield* check(changes)
        const { name, redirectUris, scopes } = changes
        const set = {
          ...(name !== undefined && { name }),
          ...(redirectUris !== undefined && { redirect_uris: redirectUris }),
          ...(scopes !== undefined && { scopes: knownScopes(scopes) })
        }
        if (Object.keys(set).length === 0) return yield* get(id)
        const [row] = yield* query(
          readClients(
            sql`UPDATE oauth_clients SET ${sql.update(set)} WHERE id = ${id} AND deleted_at IS NULL RETURNING ${columns}`
          )
        )
        if (row === undefined) return yield* noClient
        yield* revocations.announce([{ kind: "client", id }])
        return row.client
      })

      const remove = Effect.fn("Clients.remove")(function* (id: string) {
        if (!isId("client", id)) return yield* noClient
        const now = new Date(yield* Clock.currentTimeMillis)
        const removed = yield* query(
          sql`UPDATE oauth_clients SET deleted_at = ${now}::timestamptz WHERE id = ${id} AND deleted_at IS NULL RETURNING id`
        )
        if (removed.length === 0) return yield* noClient
        yield* revocations.announce([{ kind: "client", id }])
      })

      return Clients.of({ create, get, list, update, remove, find })
    })
  )

  static readonly layer = Clients.layerNoDeps.pipe(Layer.provide(Revocations.layer))
}

const check = (wish: ClientChanges): Effect.Effect<void, ValidationError> => {
  const fault = clientFault(wish)
  return fault === undefined
    ? Effect.void
    : Effect.fail(
        new ValidationError({
          reason: "invalid_body",
          param: fault.field,
          message: `"${fault.field}" ${fault.message}`
        })
      )
}

const noClient = new ValidationError({ reason: "not_found", message: "There is no such client" })
