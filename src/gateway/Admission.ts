import { Effect } from "effect"
import { AuthError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import type { Windows } from "../limits/LimiterStore.ts"
import { type Limits, unlimited } from "../limits/Limits.ts"
import type { Candidate } from "../router/Policy.ts"
import type { RequestContext } from "./RequestContext.ts"

/** By what all callers may use of the model, and by what this one may: the model gives back what a refused caller took. */
export const admit = (
  limits: Limits["Service"],
  context: RequestContext,
  principal: Principal,
  { model, provider }: Candidate,
  /** Tokens, as far as they can be told before the call. */
  estimate: number
): ReturnType<Limits["Service"]["admit"]> => {
  const { requestId } = context
  const onRelease = (release: Effect.Effect<void>) => {
    context.releases.push(release)
  }
  const onWindows = (windows: Windows, isDegraded: boolean) => {
    context.windows = windows
    context.isDegraded = isDegraded
  }
  return Effect.flatMapEager(
    limits.admitModel({ model: `${provider.name}/${model}`, requestId, estimate, onRelease }),
    (ofModel): ReturnType<Limits["Service"]["admit"]> => {
      const ofCaller = limits.admit({ principal, requestId, estimate, onWindows, onRelease })
      if (ofModel === unlimited) return ofCaller
      return Effect.mapBoth(ofCaller, {
        onFailure: (refusal) => {
          ofModel.used(0)
          return refusal
        },
        onSuccess: ({ used, windows }) => ({
          windows,
          used: (tokens) => {
            ofModel.used(tokens)
            used(tokens)
          }
        })
      })
    }
  )
}

export const modelNotAllowed = new AuthError({
  reason: "model_not_allowed",
  message: "This credential may not use the model that was asked for"
})
