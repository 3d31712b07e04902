import { Effect, Schema } from "effect"
import { ValidationError } from "../domain/Errors.ts"
import { LimitSet } from "../domain/Principal.ts"
import { isTierName } from "./ApiKey.ts"
import { isNetwork } from "./Networks.ts"

/** What may be written into a user or a key; the messages are for whoever filled it in. */

const invalid = (param: string, message: string) =>
  Effect.fail(new ValidationError({ reason: "invalid_body", param, message }))

/** PostgreSQL stores no NUL and no half of a surrogate pair; a terminal or a log should see no other control either. */
const isText = (text: string, most: number): boolean =>
  text.trim() !== "" && text.length <= most && text.isWellFormed() && !/\p{Cc}/u.test(text)

export const checkName = (name: string) =>
  isText(name, 200) ? Effect.void : invalid("name", '"name" must be 1 to 200 characters without control characters')

export const checkEmail = (email: string) =>
  isText(email, 254) && /^[^\s@]+@[^\s@]+$/.test(email)
    ? Effect.void
    : invalid("email", '"email" must be an e-mail address of at most 254 characters')

export const checkPassword = (password: string) =>
  password.length >= 8 && password.length <= 1024
    ? Effect.void
    : invalid("password", '"password" must be 8 to 1024 characters')

export const checkTier = (tier: string, tiers: ReadonlyMap<string, LimitSet>) =>
  tiers.has(tier) && isTierName(tier)
    ? Effect.void
    : invalid("tier", `"tier" must be one of: ${[...tiers.keys()].filter(isTierName).join(", ")}`)

const isLimitSet = Schema.is(LimitSet)

export const checkLimits = (limits: LimitSet) =>
  isLimitSet(limits)
    ? Effect.void
    : invalid("limits", '"limits" may have rpm, rpd, tpm, tpd and concurrency, whole numbers from 1')

export const checkModels = (models: ReadonlyArray<string>) =>
  models.length > 0 && models.length <= 1000 && models.every((model) => isText(model, 200))
    ? Effect.void
    : invalid("models", '"models" must name 1 to 1000 models; null or nothing allows all')

export const checkNetworks = (networks: ReadonlyArray<string>) => {
  const wrong = networks.findIndex((network) => !isNetwork(network))
  if (wrong >= 0) {
    return invalid(
      `allowed_ips[${wrong}]`,
      `"allowed_ips[${wrong}]" must be an address or a network like 192.0.2.0/24 or 2001:db8::/32`
    )
  }
  return networks.length > 0 && networks.length <= 1000
    ? Effect.void
    : invalid("allowed_ips", '"allowed_ips" must have 1 to 1000 entries; null or nothing allows all')
}

/** Unix milliseconds that PostgreSQL and JavaScript both know as a date. */
export const checkExpiry = (expiresAt: number) =>
  Number.isInteger(expiresAt) && expiresAt >= 0 && expiresAt < Date.UTC(10_000, 0)
    ? Effect.void
    : invalid("expires_at", '"expires_at" must be a time before the year 10000')
