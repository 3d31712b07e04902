import { Effect, Schema } from "effect"
import { type Scope, scopes } from "../domain/Principal.ts"

/** RFC 7591, section 2: how a client shows at the token endpoint who it is. */
export const authMethods = ["client_secret_basic", "client_secret_post", "none"] as const
export type AuthMethod = (typeof authMethods)[number]

/** An application that asks users for access. Times are Unix milliseconds. */
export interface Client {
  readonly id: string
  readonly name: string
  /** False where it can keep no secret: a program on its user's machine, a page in a browser. */
  readonly isConfidential: boolean
  readonly authMethods: ReadonlyArray<AuthMethod>
  readonly redirectUris: ReadonlyArray<string>
  readonly scopes: ReadonlyArray<Scope>
  /** It has registered itself: nobody has looked at what it says of itself. */
  readonly isDynamic: boolean
  readonly createdAt: number
  readonly lastUsedAt: number | undefined
}

const Row = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  secret_hash: Schema.NullOr(Schema.String),
  auth_methods: Schema.Array(Schema.Literals(authMethods)),
  redirect_uris: Schema.Array(Schema.String),
  scopes: Schema.Array(Schema.Literals(scopes)),
  is_dynamic: Schema.Boolean,
  registration_token_hash: Schema.NullOr(Schema.String),
  created_at: Schema.Date,
  last_used_at: Schema.NullOr(Schema.Date)
})

/** A client and the hashes of what it proves itself with. */
export interface KnownClient {
  readonly client: Client
  readonly secretHash: string | undefined
  readonly registrationTokenHash: string | undefined
}

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Row))

/** Of a query over `oauth_clients` that selects `clientColumns`. */
export const readClients = <E, R>(ask: Effect.Effect<ReadonlyArray<object>, E, R>) =>
  Effect.map(Effect.flatMap(ask, decodeRows), (rows) => rows.map(toClient))

export const clientColumns = `id, name, secret_hash, auth_methods, redirect_uris, scopes, is_dynamic, registration_token_hash,
  created_at, last_used_at`

const toClient = (row: typeof Row.Type): KnownClient => ({
  client: {
    id: row.id,
    name: row.name,
    isConfidential: row.secret_hash !== null,
    authMethods: row.auth_methods,
    redirectUris: row.redirect_uris,
    scopes: row.scopes,
    isDynamic: row.is_dynamic,
    createdAt: row.created_at.getTime(),
    lastUsedAt: row.last_used_at?.getTime()
  },
  secretHash: row.secret_hash ?? undefined,
  registrationTokenHash: row.registration_token_hash ?? undefined
})
