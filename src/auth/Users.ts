import { Clock, Context, Effect, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import { Settings } from "../config/Settings.ts"
import { type InternalError, ValidationError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import { isId, makeId } from "./Id.ts"
import * as rules from "./KeyRules.ts"
import { makePage, type Page, type PageRequest, readPageRequest } from "./Page.ts"
import { Passwords } from "./Passwords.ts"
import { Revocations } from "./Revocations.ts"

export interface User {
  readonly id: string
  readonly email: string
  readonly tier: string
  /** Unix milliseconds. */
  readonly createdAt: number
}

export interface NewUser {
  readonly email: string
  /** Without one the user cannot sign in; keys work all the same. */
  readonly password?: Redacted.Redacted | undefined
  /** `free`, or the first tier of the configuration, where it is not said. */
  readonly tier?: string | undefined
}

/** What is not named stays. A null password takes it away. */
export interface UserChanges {
  readonly email?: string | undefined
  readonly password?: Redacted.Redacted | null | undefined
  readonly tier?: string | undefined
}

/** Who may have keys. */
export class Users extends Context.Service<
  Users,
  {
    /** Fails with `already_exists` where another user has the address, in whatever case. */
    readonly create: (user: NewUser) => Effect.Effect<User, ValidationError | InternalError>
    readonly get: (id: string) => Effect.Effect<User, ValidationError | InternalError>
    readonly list: (request: PageRequest) => Effect.Effect<Page<User>, ValidationError | InternalError>
    readonly update: (id: string, changes: UserChanges) => Effect.Effect<User, ValidationError | InternalError>
    /** Revokes the user's keys and forgets the address, which is free again. */
    readonly remove: (id: string) => Effect.Effect<void, ValidationError | InternalError>
  }
>()("xrouter/auth/Users") {
  static readonly layerNoDeps = Layer.effect(
    Users,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const revocations = yield* Revocations
      const passwords = yield* Passwords
      const settings = yield* Settings
      const columns = sql.literal("id, email, tier, created_at")
      const living = sql.literal("users WHERE deleted_at IS NULL")

      const check = Effect.fnUntraced(function* ({ email, password, tier }: UserChanges) {
        if (email !== undefined) yield* rules.checkEmail(email)
        if (password !== undefined && password !== null) yield* rules.checkPassword(Redacted.value(password))
        if (tier !== undefined) yield* rules.checkTier(tier, settings.tiers)
      })

      const create = Effect.fn("Users.create")(function* (wish: NewUser) {
        yield* check(wish)
        const { tiers } = settings
        const tier = wish.tier ?? (tiers.has("free") ? "free" : ([...tiers.keys()][0] ?? "free"))
        const hash = wish.password === undefined ? null : yield* passwords.hash(wish.password)
        const now = yield* Clock.currentTimeMillis
        const id = yield* makeId("user")
        yield* query(
          sql`INSERT INTO users (id, email, password_hash, tier, created_at)
            VALUES (${id}, ${wish.email}, ${hash}, ${tier}, ${new Date(now)}::timestamptz)`.pipe(orTaken)
        )
        return { id, email: wish.email, tier, createdAt: now }
      })

      const get = Effect.fn("Users.get")(function* (id: string) {
        if (!isId("user", id)) return yield* noUser
        const [row] = yield* query(
          sql`SELECT ${columns} FROM ${living} AND id = ${id}`.pipe(Effect.flatMap(decodeRows))
        )
        return row === undefined ? yield* noUser : toUser(row)
      })

      const list = Effect.fn("Users.list")(function* (request: PageRequest) {
        const { limit, rows, before } = yield* readPageRequest(request)
        const found = yield* query(
          sql`SELECT ${columns} FROM ${living} AND id < ${before} ORDER BY id DESC LIMIT ${rows}::int`.pipe(
            Effect.flatMap(decodeRows)
          )
        )
        return makePage(found.map(toUser), limit)
      })

      const update = Effect.fn("Users.update")(function* (id: string, changes: UserChanges) {
        if (!isId("user", id)) return yield* noUser
        yield* check(changes)
        const { email, password, tier } = changes
        const set: Record<string, unknown> = {
          ...(email !== undefined && { email }),
          ...(tier !== undefined && { tier }),
          ...(password !== undefined && { password_hash: password === null ? null : yield* passwords.hash(password) })
        }
        if (Object.keys(set).length === 0) return yield* get(id)
        const [row] = yield* query(
          sql`UPDATE users SET ${sql.update(set)} WHERE id = ${id} AND deleted_at IS NULL RETURNING ${columns}`.pipe(
            Effect.flatMap(decodeRows),
            orTaken
          )
        )
        if (row === undefined) return yield* noUser
        // Keys without a tier of their own have the user's.
        if (tier !== undefined) yield* revocations.announce([{ kind: "user", id }])
        return toUser(row)
      })

      const remove = Effect.fn("Users.remove")(function* (id: string) {
        if (!isId("user", id)) return yield* noUser
        const now = new Date(yield* Clock.currentTimeMillis)
        const [removed] = yield* query(
          sql`
            WITH gone AS (
              UPDATE users SET deleted_at = ${now}::timestamptz, email = NULL, password_hash = NULL
              WHERE id = ${id} AND deleted_at IS NULL RETURNING id
            ), dead AS (
              UPDATE api_keys k SET revoked_at = ${now}::timestamptz FROM gone
              WHERE k.user_id = gone.id AND k.revoked_at IS NULL
            )
            SELECT id FROM gone`
        )
        if (removed === undefined) return yield* noUser
        yield* revocations.announce([{ kind: "user", id }])
      })

      return Users.of({ create, get, list, update, remove })
    })
  )

  static readonly layerSettings = Users.layerNoDeps.pipe(Layer.provide([Revocations.layer, Passwords.layer]))

  /** Of several instances, those with `redisUrls` hear at once of what another has revoked. */
  static readonly layer = (options: Pick<LayerOptions, "tiers" | "redisUrls"> = {}) =>
    Users.layerSettings.pipe(Layer.provide(layerOptions(options)))

  static readonly layerConfig = Users.layerSettings.pipe(Layer.provide(Settings.layer))
}

const Row = Schema.Struct({ id: Schema.String, email: Schema.String, tier: Schema.String, created_at: Schema.Date })
const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Row))

const toUser = ({ id, email, tier, created_at }: typeof Row.Type): User => ({
  id,
  email,
  tier,
  createdAt: created_at.getTime()
})

const orTaken = <A, E, R>(ask: Effect.Effect<A, E | SqlError, R>) =>
  Effect.catchIf(ask, isTaken, () => Effect.fail(taken))

const isTaken = (error: unknown): error is SqlError =>
  error instanceof SqlError && error.reason._tag === "UniqueViolation"

const taken = new ValidationError({
  reason: "already_exists",
  param: "email",
  message: "Another user has this e-mail address"
})
const noUser = new ValidationError({ reason: "not_found", message: "There is no such user" })
