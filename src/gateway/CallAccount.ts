import type { Effect } from "effect"
import type { Attempt } from "../domain/Attempt.ts"
import type { InternalError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import type { Usage } from "../domain/Usage.ts"
import type { CallEnded, Ledger } from "../ledger/Ledger.ts"
import type { Admission } from "../limits/Limits.ts"
import type { Candidate } from "../router/Policy.ts"
import type { Meter } from "./Meter.ts"
import type { RequestContext } from "./RequestContext.ts"

/** What a call has used, as far as anybody knows. */
export type CallMeter = Pick<Meter, "isIdle" | "isEstimated" | "usage" | "ownCount" | "finishReason">

export interface AccountOptions {
  readonly context: RequestContext
  readonly principal: Principal
  /** The answer's own id. */
  readonly answerId: string
  /** As the caller asked for it. */
  readonly model: string
  /** Who is called first. */
  readonly first: Candidate
  readonly meter: CallMeter
  readonly admission: Admission
}

/**
 * Puts a call into the ledger, and sees that at its end the limiter and the ledger hear what it has used. No provider may be
 * called before this has succeeded.
 */
export const openAccount = (
  ledger: Ledger["Service"],
  { admission, answerId, context, first, meter, model, principal }: AccountOptions
): Effect.Effect<void, InternalError> => {
  const entry = ledger.begin({
    requestId: context.requestId,
    id: answerId,
    userId: principal.userId,
    keyId: principal.credentialId,
    model,
    provider: first.provider.name,
    providerModel: first.model,
    streamed: context.stream
  })
  const sumUp: typeof context.sumUp = (endedAt, isCancelled) => {
    // Where no content ever came, what was paid for answers that did not fit.
    const usage = meter.isIdle ? usedInVain(context) : meter.usage
    context.usage = usage
    context.isUsageEstimated = !meter.isIdle && meter.isEstimated
    context.ownCount = meter.isIdle ? usage : meter.isEstimated ? undefined : meter.ownCount
    admission.used(usage === undefined ? 0 : usage.promptTokens + usage.completionTokens)
    const status = statusOf(context, isCancelled)
    const attempts = attemptsOf(context, status, endedAt)
    // Where nobody has served, the last who was asked.
    const last = meter.isIdle ? attempts.at(-1) : undefined
    context.cost = entry.end({
      status,
      provider: last?.provider ?? context.provider ?? first.provider.name,
      providerModel: last?.model ?? context.providerModel ?? first.model,
      finishReason: status === "completed" ? meter.finishReason : undefined,
      usage,
      estimated: context.isUsageEstimated,
      latencyMillis: endedAt - context.arrivedAt,
      firstTokenMillis: context.firstContentAt === undefined ? undefined : context.firstContentAt - context.arrivedAt,
      attempts
    })
  }
  context.sumUp = sumUp
  return entry.recorded
}

const usedInVain = ({ error }: RequestContext): Usage | undefined =>
  error?._tag === "ProviderError" ? error.usage : undefined

const statusOf = ({ error }: RequestContext, isCancelled: boolean): CallEnded["status"] => {
  if (isCancelled) return "cancelled"
  return error === undefined ? "completed" : "failed"
}

/** The failed tries as the router told them, and the one that was still running at the end. */
const attemptsOf = (
  { attempts, calledAt, error, firstContentAt, provider, providerModel }: RequestContext,
  status: CallEnded["status"],
  endedAt: number
): ReadonlyArray<Attempt> => {
  const told = error?._tag === "ProviderError" || error?._tag === "RateLimitError" ? error.attempts : undefined
  if (told !== undefined && firstContentAt === undefined) return told
  if (calledAt === undefined || provider === undefined || providerModel === undefined) return attempts
  const before = attempts.reduce((sum, { latency_ms }) => sum + latency_ms, 0)
  return [
    ...attempts,
    {
      provider,
      model: providerModel,
      status,
      reason: status === "failed" ? (error?.reason ?? null) : null,
      latency_ms: Math.max(0, Math.round(endedAt - calledAt - before))
    }
  ]
}
