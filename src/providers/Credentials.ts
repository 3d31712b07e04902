import { Effect } from "effect"
import type { ProviderError } from "../domain/Errors.ts"

export interface Credentials {
  /** The headers that prove who we are. Fetching a token is single-flight; a fresh one is had before the old one ends. */
  readonly headers: Effect.Effect<Readonly<Record<string, string>>, ProviderError>
  /**
   * Called after the upstream's 401 with the headers that it refused: drops them, and tells whether a replay with new
   * ones makes sense. Of many calls with the same headers only the first drops anything.
   */
  readonly refused: (headers: Readonly<Record<string, string>>) => Effect.Effect<boolean>
}

/** Credentials that never change: an API key, a ready token, none at all. */
export const fixed = (headers: Readonly<Record<string, string>>): Credentials => ({
  headers: Effect.succeed(headers),
  refused: () => Effect.succeed(false)
})
