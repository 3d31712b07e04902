import { Effect } from "effect"
import { AuthError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import type { Windows } from "../limits/LimiterStore.ts"
import type { Limits } from "../limits/Limits.ts"
import type { ModelHold } from "./ModelHold.ts"
import type { RequestContext } from "./RequestContext.ts"

/** By what this caller may use: the model gives back what a refused caller took of it. */
export const admit = (
  limits: Limits["Service"],
  context: RequestContext,
  principal: Principal,
  /** Tokens, as far as they can be told before the call. */
  estimate: number,
  hold: ModelHold | undefined
): ReturnType<Limits["Service"]["admit"]> => {
  const admission = limits.admit({
    principal,
    requestId: context.requestId,
    estimate,
    onWindows: (windows: Windows, isDegraded: boolean) => {
      context.windows = windows
      context.isDegraded = isDegraded
    },
    onRelease: (release: Effect.Effect<void>) => {
      context.releases.push(release)
    }
  })
  if (hold === undefined) return admission
  return Effect.mapBoth(admission, {
    onFailure: (refusal) => {
      hold.used(0)
      return refusal
    },
    onSuccess: ({ used, windows }) => ({
      windows,
      used: (tokens) => {
        hold.used(tokens)
        used(tokens)
      }
    })
  })
}

export const modelNotAllowed = new AuthError({
  reason: "model_not_allowed",
  message: "This credential may not use the model that was asked for"
})
