import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ApiKeys } from "../auth/ApiKeys.ts"
import { ValidationError } from "../domain/Errors.ts"
import { keyBody } from "./AdminHandlers.ts"
import { Api } from "./Api.ts"
import { CurrentPrincipal } from "./Authorization.ts"

export const KeysHandlers = HttpApiBuilder.group(
  Api,
  "keys",
  Effect.fn(function* (handlers) {
    const keys = yield* ApiKeys

    /** Another user's key is not there. */
    const own = Effect.fnUntraced(function* (id: string) {
      const { userId } = yield* CurrentPrincipal
      const key = yield* keys.get(id)
      return key.userId === userId ? key : yield* noKey
    })

    return handlers.handleAll({
      listOwnKeys: Effect.fn(function* ({ query }) {
        const { userId } = yield* CurrentPrincipal
        const { data, nextCursor } = yield* keys.list({ ...query, userId })
        return { data: data.map(keyBody), next_cursor: nextCursor ?? null }
      }),
      createOwnKey: Effect.fn(function* ({ payload: { allowed_ips, expires_at, ...key } }) {
        const { userId } = yield* CurrentPrincipal
        const created = yield* keys.create({ ...key, userId, allowedIps: allowed_ips, expiresAt: expires_at })
        return { ...keyBody(created), key: created.key }
      }),
      updateOwnKey: Effect.fn(function* ({ params, payload: { allowed_ips, expires_at, ...changes } }) {
        yield* own(params.id)
        const key = yield* keys.update(params.id, { ...changes, allowedIps: allowed_ips, expiresAt: expires_at })
        return keyBody(key)
      }),
      revokeOwnKey: Effect.fn(function* ({ params }) {
        yield* own(params.id)
        yield* keys.revoke(params.id)
      })
    })
  })
)

const noKey = new ValidationError({ reason: "not_found", message: "There is no such key" })
