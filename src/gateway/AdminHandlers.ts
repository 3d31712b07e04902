import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { ApiKeyRecord } from "../auth/ApiKeyRecord.ts"
import { ApiKeys } from "../auth/ApiKeys.ts"
import type { Page } from "../auth/Page.ts"
import { type User, Users } from "../auth/Users.ts"
import { Sessions } from "../oauth/Sessions.ts"
import { Api } from "./Api.ts"

export const AdminHandlers = HttpApiBuilder.group(
  Api,
  "admin",
  Effect.fn(function* (handlers) {
    const users = yield* Users
    const keys = yield* ApiKeys
    const sessions = yield* Sessions

    return handlers.handleAll({
      listUsers: ({ query }) => Effect.map(users.list(query), pageOf(userBody)),
      createUser: ({ payload }) => Effect.map(users.create(payload), userBody),
      getUser: ({ params }) => Effect.map(users.get(params.id), userBody),
      updateUser: Effect.fn(function* ({ params, payload }) {
        const user = yield* users.update(params.id, payload)
        // Whoever has signed in by the old password is no longer trusted, nor what they have allowed.
        if (payload.password !== undefined) yield* sessions.endAll(user.id)
        return userBody(user)
      }),
      deleteUser: ({ params }) => users.remove(params.id),

      listKeys: ({ query: { user_id: userId, ...request } }) =>
        Effect.map(keys.list({ ...request, userId }), pageOf(keyBody)),
      createKey: ({ payload: { user_id, allowed_ips, expires_at, ...key } }) =>
        keys
          .create({ ...key, userId: user_id, allowedIps: allowed_ips, expiresAt: expires_at })
          .pipe(Effect.map((created) => ({ ...keyBody(created), key: created.key }))),
      getKey: ({ params }) => Effect.map(keys.get(params.id), keyBody),
      updateKey: ({ params, payload: { allowed_ips, expires_at, ...changes } }) =>
        Effect.map(keys.update(params.id, { ...changes, allowedIps: allowed_ips, expiresAt: expires_at }), keyBody),
      revokeKey: ({ params }) => keys.revoke(params.id)
    })
  })
)

const userBody = ({ id, email, tier, createdAt }: User) => ({ id, email, tier, created_at: createdAt })

export const keyBody = (key: ApiKeyRecord) => ({
  id: key.id,
  user_id: key.userId,
  prefix: key.prefix,
  name: key.name,
  tier: key.tier,
  limits: key.limits,
  models: key.models ?? null,
  allowed_ips: key.allowedIps ?? null,
  created_at: key.createdAt,
  expires_at: key.expiresAt ?? null,
  last_used_at: key.lastUsedAt ?? null
})

const pageOf =
  <A, B>(body: (item: A) => B) =>
  ({ data, nextCursor }: Page<A>) => ({ data: data.map(body), next_cursor: nextCursor ?? null })
