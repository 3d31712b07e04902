import { Effect, Layer, Redacted } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"
import { AuthError, ValidationError } from "../domain/Errors.ts"
import { Secrets } from "../storage/Secrets.ts"
import { AdminAuthorization } from "./AdminAuthorization.ts"

/** Digests are of one length, so that comparing them takes the same time whatever was given. */
const digest = (key: Redacted.Redacted) => createHash("sha256").update(Redacted.value(key)).digest()

export const AdminAuthorizationLayer = Layer.effect(
  AdminAuthorization,
  Effect.gen(function* () {
    const { adminKey } = yield* Secrets
    const expected = adminKey === undefined ? undefined : digest(adminKey)
    return {
      adminKey: Effect.fnUntraced(function* (httpEffect, { credential }) {
        if (expected === undefined) return yield* adminIsOff
        if (Redacted.value(credential) === "") return yield* missingKey
        if (!timingSafeEqual(digest(credential), expected)) return yield* wrongKey
        return yield* httpEffect
      })
    }
  })
)

const adminIsOff = new ValidationError({
  reason: "not_found",
  message: "The admin API is off: the gateway has no XROUTER_ADMIN_KEY"
})

const missingKey = new AuthError({
  reason: "missing_credentials",
  message: "The admin API needs the admin key: Authorization: Bearer <XROUTER_ADMIN_KEY>"
})

const wrongKey = new AuthError({ reason: "invalid_api_key", message: "This is not the admin key of this gateway" })
