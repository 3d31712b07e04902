import { Schema } from "effect"

const Limit = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** Requests and tokens per minute and per UTC day, and simultaneous requests. No limit holds where none is written. */
export const LimitSet = Schema.Struct({
  rpm: Schema.optionalKey(Limit),
  rpd: Schema.optionalKey(Limit),
  tpm: Schema.optionalKey(Limit),
  tpd: Schema.optionalKey(Limit),
  concurrency: Schema.optionalKey(Limit)
})
export type LimitSet = typeof LimitSet.Type

export const scopes = ["inference", "keys"] as const
export type Scope = (typeof scopes)[number]

/** Who calls, once it is known: by an API key, or by an OAuth token of a user. */
export interface Principal {
  readonly userId: string
  /** The key's id (never the key); of a token, its `jti`. */
  readonly credentialId: string
  readonly kind: "key" | "token"
  readonly label: string
  readonly tier: string
  /** What counts together against the limits: the key, or all tokens of one user. */
  readonly limitSubject: string
  /** The credential's own limits, over those of its tier. */
  readonly limits: LimitSet
  readonly scopes: ReadonlyArray<Scope>
  /** Public model names this caller may use; all where undefined. */
  readonly models?: ReadonlyArray<string> | undefined
  /** Networks (CIDR) this caller may come from; all where undefined. */
  readonly allowedIps?: ReadonlyArray<string> | undefined
  /** Unix milliseconds. */
  readonly expiresAt?: number | undefined
}
