import { Context, type Effect, type Scope } from "effect"
import type { InternalError, RateLimitError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import type { Windows } from "./LimiterStore.ts"

/** A request that was let in. Its lease is given back when the scope closes, its tokens settled with what `used` was told last. */
export interface Admission {
  readonly windows: Windows
  /** Tells the true number of tokens; without it the estimate stands. */
  readonly used: (tokens: number) => void
}

export class Limits extends Context.Service<
  Limits,
  {
    /**
     * Decides on one request. `onWindows` hears how the windows stand, for an admission and for a refusal alike, since both
     * tell the client in headers.
     */
    readonly admit: (options: {
      readonly principal: Principal
      readonly requestId: string
      /** Estimated tokens of prompt and answer. */
      readonly estimate: number
      readonly onWindows: (windows: Windows) => void
    }) => Effect.Effect<Admission, RateLimitError | InternalError, Scope.Scope>
  }
>()("xrouter/limits/Limits") {}
