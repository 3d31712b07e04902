import type { Redacted } from "effect"

/** What a person types in to sign in or up. */
export interface UserCredentials {
  readonly email: string
  readonly password: Redacted.Redacted
  /** Of the browser. */
  readonly address: string
}
