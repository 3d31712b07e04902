import { Cause, Effect, type Scope } from "effect"
import type { ProviderFailure } from "../domain/Errors.ts"
import { Busy } from "../providers/Busy.ts"
import type { Metrics } from "../telemetry/Metrics.ts"
import { annotationsOf } from "../telemetry/RequestAnnotations.ts"
import type { Attempts } from "./Attempts.ts"
import type { Conditions } from "./Conditions.ts"
import { circuitOpen, isOwnRefusal, nobody, type OwnFailure, toldOf, withAttempts } from "./Failures.ts"
import type { Candidate } from "./Policy.ts"
import { isWorthAsking, longestPause, pauses } from "./Retries.ts"
import type { Plan } from "./Router.ts"
import { type Able, type Asked, Run } from "./Run.ts"

export interface FailoverOptions<P, R> {
  readonly calls: Attempts["Service"]
  readonly conditions: Conditions["Service"]
  readonly metrics: Metrics["Service"]
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** One try at one candidate. */
  readonly call: (run: Run<P>, able: Able<P>) => Effect.Effect<R, ProviderFailure, Scope.Scope>
}

/**
 * From one candidate to the next, and back to those that may be asked again, until one answers. The plan is made without any
 * network: it fails where no candidate can carry the request, or all who could are left alone for a while.
 */
export const failover = <P, R>({ call, calls, conditions, metrics, now }: FailoverOptions<P, R>) => {
  type Answer = Effect.Effect<R, ProviderFailure, Scope.Scope>
  const conditionOf = ({ model, provider }: Candidate) => conditions.find(provider, model)

  const firstAble = (
    asked: Asked<P>,
    candidates: ReadonlyArray<Candidate>
  ): Effect.Effect<Able<P>, ProviderFailure> => {
    const [candidate] = candidates
    if (candidate === undefined) return Effect.fail(nobody)
    const others = candidates.length === 1 ? none : candidates.slice(1)
    const able = prepared(asked, candidate, others)
    return others.length === 0
      ? able
      : Effect.catchEager(able, (failure) =>
          Effect.mapError(firstAble(asked, others), (other) => weightier(failure, other))
        )
  }

  const prepared = (
    asked: Asked<P>,
    candidate: Candidate,
    others: ReadonlyArray<Candidate>
  ): Effect.Effect<Able<P>, ProviderFailure> => {
    const condition = conditionOf(candidate)
    if (condition !== undefined && !condition.circuit.isClosed) {
      const wait = condition.circuit.waitAt(now())
      if (wait !== undefined) return Effect.fail(circuitOpen(candidate, wait, condition.failure))
    }
    return Effect.mapEager(asked.prepare(candidate), (prepared): Able<P> => ({
      candidate,
      prepared,
      condition,
      others
    }))
  }

  const attempt = (run: Run<P>, able: Able<P>): Answer => {
    const { mayCall } = run.asked
    if (mayCall === undefined || run.isFirst) return tried(run, able)
    return Effect.matchEffect(mayCall(able.candidate), {
      onFailure: (failure) => goOn(run, able, failure),
      onSuccess: () => tried(run, able)
    })
  }

  /** One try at one candidate, and where it comes to nothing what is left to be tried. */
  const tried = (run: Run<P>, able: Able<P>): Answer => {
    const { candidate } = able
    const circuit = conditionOf(candidate)?.circuit
    const admittance = circuit === undefined || circuit.isClosed ? "free" : circuit.admit(now())
    if (admittance === "refused") {
      const wait = circuit?.waitAt(now()) ?? 1000
      return goOn(run, able, circuitOpen(candidate, wait, able.condition?.failure))
    }
    const calling = call(run, able)
    const safe =
      admittance === "probe"
        ? // Broken off, or by a defect of ours: nothing was learned. Its failures are judged below.
          Effect.onError(calling, (cause) =>
            Cause.hasFails(cause) ? Effect.void : Effect.sync(() => circuit?.abandon())
          )
        : calling
    return Effect.catch(safe, (failure) => {
      if (failure instanceof Busy) {
        if (admittance === "probe") circuit?.abandon()
        return goOn(run, able, failure)
      }
      if (isOwnRefusal(failure)) {
        if (admittance === "probe") circuit?.abandon()
        return Effect.fail(failure)
      }
      const at = now()
      calls.judge(candidate, failure, at)
      run.asked.trace?.callFailed(failure, at)
      if (failure._tag === "ValidationError") return Effect.fail(failure)
      run.attempts.push(toldOf(candidate, failure, at - run.calledAt))
      run.failure = failure
      if (failure._tag === "ProviderError" && failure.usage !== undefined) run.used(failure.usage)
      if (isWorthAsking(failure)) {
        run.again ??= []
        run.again.push({ able: { ...able, others: none }, notBefore: at + (failure.retryAfterMillis ?? 0) })
      }
      return goOn(run, able, failure)
    })
  }

  /** To the next candidate; after the last one, to those that may be asked again. */
  const goOn = (run: Run<P>, { candidate, others }: Able<P>, failure: OwnFailure): Answer => {
    run.failure ??= failure
    if (others.length === 0) return askAgain(run, run.failure)
    if (now() >= run.startedAt + candidate.patience.total) return Effect.fail(withAttempts(failure, run))
    return Effect.matchEffect(firstAble(run.asked, others), {
      onFailure: () => askAgain(run, run.failure ?? failure),
      onSuccess: (next) => {
        metrics.recordFallback(candidate.provider.name, next.candidate.provider.name)
        return Effect.andThen(
          warn(run, `${nameOf(candidate)} failed (${failure.reason}), ${nameOf(next.candidate)} takes over`),
          attempt(run, next)
        )
      }
    })
  }

  const askAgain = Effect.fnUntraced(function* (
    run: Run<P>,
    failure: OwnFailure
  ): Effect.fn.Return<R, ProviderFailure, Scope.Scope> {
    const next = run.again?.shift()
    const told = withAttempts(failure, run)
    if (next === undefined || run.attempts.length >= run.asked.attempts) return yield* told
    const { candidate } = next.able
    // Meanwhile it has failed too often, by this request or by others.
    if (conditionOf(candidate)?.circuit.waitAt(now()) !== undefined) return yield* told
    run.pauses ??= yield* pauses
    const pause = Math.max(0, next.notBefore - now()) + (yield* run.pauses)
    const left = run.startedAt + candidate.patience.total - now()
    if (pause > longestPause || pause >= left) return yield* told
    yield* warn(run, `${nameOf(candidate)} failed (${failure.reason}), it is asked again in ${Math.round(pause)} ms`)
    yield* Effect.sleep(pause)
    metrics.recordRetry(candidate.provider.name)
    return yield* attempt(run, next.able)
  })

  const planned = (asked: Asked<P>, able: Able<P>): Plan<R> => ({
    first: able.candidate,
    open: Effect.suspend(() => attempt(new Run(asked, now()), able)),
    next: able.others.length === 0 ? undefined : Effect.suspend(() => plan(asked, able.others))
  })

  const plan = (asked: Asked<P>, candidates: ReadonlyArray<Candidate>): Effect.Effect<Plan<R>, ProviderFailure> =>
    Effect.mapEager(firstAble(asked, candidates), (able) => planned(asked, able))

  return plan
}

const none: ReadonlyArray<Candidate> = []

const nameOf = ({ model, provider }: Candidate) => `${provider.name}/${model}`

const warn = (run: Run<unknown>, message: string) =>
  Effect.logWarning(message).pipe(Effect.annotateLogs(annotationsOf(run.asked.requestId, run.asked.trace)))

/**
 * Which of two candidates' refusals is told: that one will serve again soon, else the first, which is about the model that the
 * caller asked for.
 */
const weightier = (failure: ProviderFailure, other: ProviderFailure): ProviderFailure => {
  if (other._tag !== "ProviderError" || other.reason !== "circuit_open") return failure
  if (failure._tag !== "ProviderError" || failure.reason !== "circuit_open") return other
  return (other.retryAfterMillis ?? 0) < (failure.retryAfterMillis ?? 0) ? other : failure
}
