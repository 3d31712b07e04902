import { type Array as Arr, Cause, Clock, Context, Effect, Layer, type Pull, Random, Result, type Scope } from "effect"
import type { ModelAlias } from "../config/Settings.ts"
import type { Attempt } from "../domain/Attempt.ts"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ProviderFailure } from "../domain/Errors.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { Attempts } from "./Attempts.ts"
import type { Resolution } from "./Catalog.ts"
import { circuitOpen, nobody, type OwnFailure, toldOf, withAttempts } from "./Failures.ts"
import { type Candidate, order, type Weighted } from "./Policy.ts"
import { isWorthAsking, longestPause, pauses } from "./Retries.ts"
import { type Able, type Asked, type PlanOptions, Run } from "./Run.ts"
import { Conditions } from "./Conditions.ts"
import { chosen, exactly, strategyOf, withoutWishes } from "./Wishes.ts"

type Events = Arr.NonEmptyReadonlyArray<ChatEvent>

/** An answer that has begun: its first content is there, so nobody else takes over. */
export interface Reply {
  readonly candidate: Candidate
  /** Parameters that this provider could not carry, by their OpenAI names. */
  readonly dropped: ReadonlyArray<string>
  /** The tries that led here, the last one still running. */
  readonly attempts: ReadonlyArray<Attempt>
  readonly first: Events
  /** What comes after; undefined where `first` is all there is. */
  readonly rest: Pull.Pull<Events, ProviderFailure> | undefined
}

/** A request that can be served: translated for its first candidate, not yet sent. */
export interface Plan {
  /** Who is called first. */
  readonly first: Candidate
  /**
   * Calls the candidates in turn until one gives its first content; what is the provider's fault moves on to the next, what is
   * the caller's does not. Where all have failed, those whose failure may pass are asked again, at most as often as the model's
   * `attempts` say and not past its deadline. Closing the scope, or interrupting, closes the upstream's connection at once.
   */
  readonly open: Effect.Effect<Reply, ProviderFailure, Scope.Scope>
}

export class Router extends Context.Service<
  Router,
  {
    /** Fails, without any network, where no candidate can carry the request, or all who could are left alone for a while. */
    readonly plan: (options: PlanOptions) => Effect.Effect<Plan, ProviderFailure>
  }
>()("xrouter/router/Router") {
  static readonly layerNoDeps = Layer.effect(
    Router,
    Effect.gen(function* () {
      const calls = yield* Attempts
      const conditions = yield* Conditions
      const metrics = yield* Metrics
      const clock = yield* Clock.Clock
      const random = yield* Random.Random
      const now = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
      const conditionOf = ({ model, provider }: Candidate) => conditions.find(provider.name, model)

      const firstAble = (
        options: Asked,
        candidates: ReadonlyArray<Candidate>
      ): Effect.Effect<Able, ProviderFailure> => {
        const [candidate] = candidates
        if (candidate === undefined) return Effect.fail(nobody)
        const others = candidates.length === 1 ? none : candidates.slice(1)
        const able = prepared(options, candidate, others)
        return others.length === 0
          ? able
          : Effect.catchEager(able, (failure) =>
              Effect.mapError(firstAble(options, others), (other) => weightier(failure, other))
            )
      }

      const prepared = (
        { isExact, request, requestId }: Asked,
        candidate: Candidate,
        others: ReadonlyArray<Candidate>
      ): Effect.Effect<Able, ProviderFailure> => {
        const condition = conditionOf(candidate)
        if (condition !== undefined && !condition.circuit.isClosed) {
          const wait = condition.circuit.waitAt(now())
          if (wait !== undefined) return Effect.fail(circuitOpen(candidate, wait, condition.failure))
        }
        const { model, patience, provider } = candidate
        const translated = provider.prepare({ requestId, model, request, timers: patience.timers })
        return Effect.mapEager(
          isExact ? Effect.flatMap(translated, exactly(candidate)) : translated,
          (prepared): Able => ({ candidate, prepared, condition, others })
        )
      }

      /** One try at one candidate, and where it comes to nothing what is left to be tried. */
      const attempt = (run: Run, able: Able): Effect.Effect<Reply, ProviderFailure, Scope.Scope> => {
        const { candidate } = able
        const circuit = conditionOf(candidate)?.circuit
        const admittance = circuit === undefined || circuit.isClosed ? "free" : circuit.admit(now())
        if (admittance === "refused") {
          const wait = circuit?.waitAt(now()) ?? 1000
          return goOn(run, able, circuitOpen(candidate, wait, able.condition?.failure))
        }
        const call = calls.call(run, able)
        const safe =
          admittance === "probe"
            ? // Broken off, or by a defect of ours: nothing was learned. Its failures are judged below.
              Effect.onError(call, (cause) =>
                Cause.hasFails(cause) ? Effect.void : Effect.sync(() => circuit?.abandon())
              )
            : call
        return Effect.catch(safe, (failure) => {
          if (failure._tag === "RateLimitError" && calls.isBusy(candidate, failure)) {
            if (admittance === "probe") circuit?.abandon()
            return goOn(run, able, failure)
          }
          const at = now()
          calls.judge(candidate, failure, at)
          if (failure._tag === "ValidationError") return Effect.fail(failure)
          run.attempts.push(toldOf(candidate, failure, at - run.calledAt))
          run.failure = failure
          if (isWorthAsking(failure)) {
            run.again ??= []
            run.again.push({ able: { ...able, others: none }, notBefore: at + (failure.retryAfterMillis ?? 0) })
          }
          return goOn(run, able, failure)
        })
      }

      /** To the next candidate; after the last one, to those that may be asked again. */
      const goOn = (
        run: Run,
        { candidate, others }: Able,
        failure: OwnFailure
      ): Effect.Effect<Reply, ProviderFailure, Scope.Scope> => {
        run.failure ??= failure
        if (others.length === 0) return askAgain(run, run.failure)
        if (now() >= run.startedAt + candidate.patience.total) return Effect.fail(withAttempts(failure, run.attempts))
        return Effect.matchEffect(firstAble(run.options, others), {
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
        run: Run,
        failure: OwnFailure
      ): Effect.fn.Return<Reply, ProviderFailure, Scope.Scope> {
        const next = run.again?.shift()
        const told = withAttempts(failure, run.attempts)
        if (next === undefined || run.attempts.length >= run.options.resolution.attempts) return yield* told
        const { candidate } = next.able
        // Meanwhile it has failed too often, by this request or by others.
        if (conditionOf(candidate)?.circuit.waitAt(now()) !== undefined) return yield* told
        run.pauses ??= yield* pauses
        const pause = Math.max(0, next.notBefore - now()) + (yield* run.pauses)
        const left = run.startedAt + candidate.patience.total - now()
        if (pause > longestPause || pause >= left) return yield* told
        yield* warn(
          run,
          `${nameOf(candidate)} failed (${failure.reason}), it is asked again in ${Math.round(pause)} ms`
        )
        yield* Effect.sleep(pause)
        metrics.recordRetry(candidate.provider.name)
        return yield* attempt(run, next.able)
      })

      /** Who has asked us not to come just now is called where nobody else is left. */
      const restedFirst = (candidates: ReadonlyArray<Weighted>): ReadonlyArray<Weighted> => {
        const at = now()
        const isResting = (candidate: Weighted) => (conditionOf(candidate)?.restsUntil ?? at) > at
        return candidates.some(isResting)
          ? [...candidates.filter((candidate) => !isResting(candidate)), ...candidates.filter(isResting)]
          : candidates
      }

      const ordered = (
        { candidates, fallbacks, strategy }: Resolution,
        { stream }: ChatRequest,
        sort: ModelAlias["strategy"] = strategy
      ): ReadonlyArray<Weighted> => {
        if (candidates.length <= 1 && fallbacks.length === 0) return candidates
        const inOrder = order(sort, candidates, {
          random: random.nextDoubleUnsafe(),
          firstContent: (candidate) => {
            const condition = conditionOf(candidate)
            return (stream === true ? condition?.stream : condition?.whole)?.millis
          }
        })
        return restedFirst([...inOrder, ...fallbacks])
      }

      const planned = (options: Asked, candidates: ReadonlyArray<Weighted>): Effect.Effect<Plan, ProviderFailure> =>
        Effect.mapEager(firstAble(options, candidates), (able): Plan => ({
          first: able.candidate,
          open: Effect.suspend(() => attempt(new Run(options, now()), able))
        }))

      return {
        plan: ({ request, requestId, resolution }) => {
          if (request.models === undefined && request.provider === undefined) {
            return planned({ request, requestId, resolution, isExact: false }, ordered(resolution, request))
          }
          const { provider: wishes = {} } = request
          const sort = strategyOf(wishes)
          const all = [resolution, ...(resolution.next ?? [])].flatMap((each) => ordered(each, request, sort))
          const wished = chosen(all, wishes)
          if (Result.isFailure(wished)) return Effect.fail(wished.failure)
          const isExact = wishes.require_parameters === true
          return planned({ request: withoutWishes(request), requestId, resolution, isExact }, wished.success)
        }
      }
    })
  )

  static readonly layer = Router.layerNoDeps.pipe(Layer.provide(Attempts.layer))
}

const none: ReadonlyArray<Candidate> = []

const nameOf = ({ model, provider }: Candidate) => `${provider.name}/${model}`

const warn = (run: Run, message: string) =>
  Effect.logWarning(message).pipe(Effect.annotateLogs({ request_id: run.options.requestId }))

/**
 * Which of two candidates' refusals is told: that one will serve again soon, else the first, which is about the model that the
 * caller asked for.
 */
const weightier = (failure: ProviderFailure, other: ProviderFailure): ProviderFailure => {
  if (other._tag !== "ProviderError" || other.reason !== "circuit_open") return failure
  if (failure._tag !== "ProviderError" || failure.reason !== "circuit_open") return other
  return (other.retryAfterMillis ?? 0) < (failure.retryAfterMillis ?? 0) ? other : failure
}
