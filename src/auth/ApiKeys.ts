import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import { Settings } from "../config/Settings.ts"
import { type InternalError, ValidationError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import { generateKey, hashKey, prefixOf } from "./ApiKey.ts"
import {
  type ApiKeyChanges,
  type ApiKeyRecord,
  type NewApiKey,
  readRows,
  recordColumns,
  toColumns,
  toRecord
} from "./ApiKeyRecord.ts"
import { isId, makeId } from "./Id.ts"
import * as rules from "./KeyRules.ts"
import { makePage, type Page, type PageRequest, readPageRequest } from "./Page.ts"
import { Revocations } from "./Revocations.ts"

/** The keys of users. What is changed or revoked here holds for the next request of this instance, and within a second on all others. */
export class ApiKeys extends Context.Service<
  ApiKeys,
  {
    /** The key itself is in this answer and nowhere else. Fails with `not_found` where there is no such user. */
    readonly create: (
      key: NewApiKey
    ) => Effect.Effect<ApiKeyRecord & { readonly key: Redacted.Redacted }, ValidationError | InternalError>
    readonly get: (id: string) => Effect.Effect<ApiKeyRecord, ValidationError | InternalError>
    readonly list: (
      request: PageRequest & { readonly userId?: string | undefined }
    ) => Effect.Effect<Page<ApiKeyRecord>, ValidationError | InternalError>
    readonly update: (
      id: string,
      changes: ApiKeyChanges
    ) => Effect.Effect<ApiKeyRecord, ValidationError | InternalError>
    readonly revoke: (id: string) => Effect.Effect<void, ValidationError | InternalError>
  }
>()("xrouter/auth/ApiKeys") {
  static readonly layerNoDeps = Layer.effect(
    ApiKeys,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const revocations = yield* Revocations
      const settings = yield* Settings
      const columns = sql.literal(recordColumns)
      const living = sql.literal(
        "api_keys k JOIN users u ON u.id = k.user_id WHERE k.revoked_at IS NULL AND u.deleted_at IS NULL"
      )

      const check = Effect.fnUntraced(function* (key: ApiKeyChanges) {
        if (key.name !== undefined) yield* rules.checkName(key.name)
        if (isGiven(key.tier)) yield* rules.checkTier(key.tier, settings.tiers)
        if (isGiven(key.limits)) yield* rules.checkLimits(key.limits)
        if (isGiven(key.models)) yield* rules.checkModels(key.models)
        if (isGiven(key.allowedIps)) yield* rules.checkNetworks(key.allowedIps)
        if (isGiven(key.expiresAt)) yield* rules.checkExpiry(key.expiresAt)
      })

      const create = Effect.fn("ApiKeys.create")(function* (wish: NewApiKey) {
        yield* check(wish)
        if (!isId("user", wish.userId)) return yield* noUser
        const [owner] = yield* query(
          sql<{ tier: string }>`SELECT tier FROM users WHERE id = ${wish.userId} AND deleted_at IS NULL`
        )
        if (owner === undefined) return yield* noUser
        const key = generateKey(wish.tier ?? owner.tier)
        const rows = yield* query(
          readRows(sql`
            WITH k AS (
              INSERT INTO api_keys (id, user_id, hash, prefix, name, tier, limits, models, allowed_ips, created_at, expires_at)
              SELECT ${yield* makeId("key")}, u.id, ${hashKey(key)}, ${prefixOf(key)}, ${wish.name}, ${wish.tier ?? null},
                ${JSON.stringify(wish.limits ?? {})}::jsonb, ${wish.models ?? null}::text[], ${wish.allowedIps ?? null}::text[],
                ${new Date(yield* Clock.currentTimeMillis)}::timestamptz, ${wish.expiresAt === undefined ? null : new Date(wish.expiresAt)}::timestamptz
              FROM users u WHERE u.id = ${wish.userId} AND u.deleted_at IS NULL
              RETURNING *
            )
            SELECT ${columns} FROM k JOIN users u ON u.id = k.user_id`)
        )
        const row = rows[0]
        return row === undefined ? yield* noUser : { ...toRecord(row), key: Redacted.make(key, { label: "api key" }) }
      })

      const get = Effect.fn("ApiKeys.get")(function* (id: string) {
        if (!isId("key", id)) return yield* noKey
        const [row] = yield* query(readRows(sql`SELECT ${columns} FROM ${living} AND k.id = ${id}`))
        return row === undefined ? yield* noKey : toRecord(row)
      })

      const list = Effect.fn("ApiKeys.list")(function* (
        request: PageRequest & { readonly userId?: string | undefined }
      ) {
        const { limit, rows, before } = yield* readPageRequest(request)
        if (request.userId !== undefined && !isId("user", request.userId)) return makePage([], limit)
        const ofUser = request.userId === undefined ? sql`` : sql`AND k.user_id = ${request.userId}`
        const found = yield* query(
          readRows(
            sql`SELECT ${columns} FROM ${living} AND k.id < ${before} ${ofUser} ORDER BY k.id DESC LIMIT ${rows}::int`
          )
        )
        return makePage(found.map(toRecord), limit)
      })

      const update = Effect.fn("ApiKeys.update")(function* (id: string, changes: ApiKeyChanges) {
        if (!isId("key", id)) return yield* noKey
        yield* check(changes)
        const set = toColumns(changes)
        if (Object.keys(set).length === 0) return yield* get(id)
        const [row] = yield* query(
          readRows(sql`
            WITH k AS (UPDATE api_keys SET ${sql.update(set)} WHERE id = ${id} AND revoked_at IS NULL RETURNING *)
            SELECT ${columns} FROM k JOIN users u ON u.id = k.user_id`)
        )
        if (row === undefined) return yield* noKey
        yield* revocations.announce([{ kind: "key", id }])
        return toRecord(row)
      })

      const revoke = Effect.fn("ApiKeys.revoke")(function* (id: string) {
        if (!isId("key", id)) return yield* noKey
        const now = new Date(yield* Clock.currentTimeMillis)
        const [row] = yield* query(
          sql`UPDATE api_keys SET revoked_at = ${now}::timestamptz WHERE id = ${id} AND revoked_at IS NULL RETURNING id`
        )
        if (row === undefined) return yield* noKey
        yield* revocations.announce([{ kind: "key", id }])
      })
      return ApiKeys.of({ create, get, list, update, revoke })
    })
  )

  static readonly layerSettings = ApiKeys.layerNoDeps.pipe(Layer.provide(Revocations.layer))

  /** Of several instances, those with `redisUrls` hear at once of what another has revoked. */
  static readonly layer = (options: Pick<LayerOptions, "tiers" | "redisUrls"> = {}) =>
    ApiKeys.layerSettings.pipe(Layer.provide(layerOptions(options)))

  static readonly layerConfig = ApiKeys.layerSettings.pipe(Layer.provide(Settings.layer))
}

const isGiven = <A>(value: A | null | undefined): value is A => value !== undefined && value !== null

const noKey = new ValidationError({ reason: "not_found", message: "There is no such key" })
const noUser = new ValidationError({ reason: "not_found", param: "user_id", message: "There is no such user" })
