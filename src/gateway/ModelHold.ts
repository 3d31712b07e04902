import { Effect, type Scope } from "effect"
import type { SettingsValue } from "../config/Settings.ts"
import { type InternalError, ProviderError, type ProviderFailure, type RateLimitError } from "../domain/Errors.ts"
import { type Admission, type Limits, unlimited } from "../limits/Limits.ts"
import type { Candidate } from "../router/Policy.ts"
import type { Plan } from "../router/Router.ts"
import type { MayCall } from "../router/Run.ts"
import type { Metrics } from "../telemetry/Metrics.ts"
import type { RequestContext } from "./RequestContext.ts"

/**
 * What a request holds of its model's limits, those that all callers share (`limits:` of the file). It is one model's at a time:
 * before another candidate is called, or the same one again, what the last call took is given back.
 */
export class ModelHold {
  private readonly limits: Limits["Service"]
  private readonly requestId: string
  private readonly estimate: number
  private readonly metrics: Metrics["Service"]
  private admission: Admission = unlimited
  private giveBack: Effect.Effect<void> = Effect.void

  constructor(limits: Limits["Service"], metrics: Metrics["Service"], requestId: string, estimate: number) {
    this.limits = limits
    this.metrics = metrics
    this.requestId = requestId
    this.estimate = estimate
  }

  /** Of a call that came to nothing, or was not made: 0. */
  used(tokens: number): void {
    this.admission.used(tokens)
  }

  /** At the request's end. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    const { giveBack } = this
    this.admission = unlimited
    this.giveBack = Effect.void
    return giveBack
  })

  /** The plan by the first of its candidates whose model has room. Where none has, the first one's refusal is told. */
  readonly admitted = <R>(plan: Plan<R>): Effect.Effect<Plan<R>, ProviderFailure | InternalError, Scope.Scope> =>
    Effect.as(this.take(plan.first), plan).pipe(
      Effect.catchTag("RateLimitError", (refusal) =>
        plan.next === undefined
          ? Effect.fail(refusal)
          : Effect.matchEffect(Effect.flatMap(plan.next, this.admitted), {
              onFailure: () => Effect.fail(refusal),
              onSuccess: (next) => Effect.as(this.passedOver(plan.first, refusal, next.first), next)
            })
      )
    )

  readonly mayCall: MayCall = (candidate) => {
    this.used(0)
    return Effect.andThen(
      this.release,
      Effect.catchTag(this.take(candidate), "InternalError", (error) => Effect.fail(unchecked(candidate, error)))
    )
  }

  /** At a level that nobody reads by default: a model may be full for hours, and the metric tells of it. */
  private passedOver(full: Candidate, { reason }: RateLimitError, next: Candidate): Effect.Effect<void> {
    this.metrics.recordFallback(full.provider.name, next.provider.name)
    return Effect.logDebug(
      `${full.provider.name}/${full.model} is full (${reason}), ${next.provider.name}/${next.model} takes over`
    ).pipe(Effect.annotateLogs({ request_id: this.requestId }))
  }

  private take({ model, provider }: Candidate): Effect.Effect<void, RateLimitError | InternalError, Scope.Scope> {
    const admission = this.limits.admitModel({
      model: `${provider.name}/${model}`,
      requestId: this.requestId,
      estimate: this.estimate,
      onRelease: (release) => {
        this.giveBack = release
      }
    })
    return Effect.map(admission, (admission) => {
      this.admission = admission
    })
  }
}

/** Another candidate may have no such limit. */
const unchecked = ({ model, provider }: Candidate, cause: InternalError) =>
  new ProviderError({
    reason: "provider_unavailable",
    message: `The limits of ${provider.name}/${model} cannot be checked now; it was not called`,
    provider: provider.name,
    cause
  })

/** Of one request, given back at its end; undefined where no model has limits. */
export const modelHold = (
  { modelLimits }: Pick<SettingsValue, "modelLimits">,
  limits: Limits["Service"],
  metrics: Metrics["Service"],
  { releases, requestId }: RequestContext,
  /** Tokens, as far as they can be told before the call. */
  estimate: number
): ModelHold | undefined => {
  if (modelLimits.size === 0) return undefined
  const hold = new ModelHold(limits, metrics, requestId, estimate)
  releases.push(hold.release)
  return hold
}
