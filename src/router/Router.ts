import { Array as Arr, Clock, Context, Duration, Effect, Exit, Layer, Pull, Random, Scope, Stream } from "effect"
import type { Timeouts } from "../config/Settings.ts"
import type { Attempt } from "../domain/Attempt.ts"
import { type ChatEvent, isContent } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import { ProviderError, type ProviderFailure, type ValidationError } from "../domain/Errors.ts"
import type { Prepared } from "../providers/Provider.ts"
import { Catalog, type Resolution } from "./Catalog.ts"
import { type Candidate, order } from "./Policy.ts"
import { ProviderHealth } from "./ProviderHealth.ts"
import { defaultTimeouts, firstContentLimit } from "./Timeouts.ts"

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
   * the caller's does not. Closing the scope, or interrupting, closes the upstream's connection at once.
   */
  readonly open: Effect.Effect<Reply, ProviderFailure, Scope.Scope>
}

export class Router extends Context.Service<
  Router,
  {
    /** Fails, without any network, where no candidate can carry the request. */
    readonly plan: (options: PlanOptions) => Effect.Effect<Plan, ProviderFailure>
  }
>()("xrouter/router/Router") {
  static readonly layer = Layer.effect(
    Router,
    Effect.gen(function* () {
      const catalog = yield* Catalog
      const health = yield* ProviderHealth
      const clock = yield* Clock.Clock
      const random = yield* Random.Random
      const speeds = new Map<string, number>()
      const now = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
      const key = ({ provider, model }: Candidate) => `${provider.name}/${model}`

      const measured = (candidate: Candidate, millis: number) => {
        const name = key(candidate)
        const before = speeds.get(name)
        // Only models of the catalogue are remembered, so that the map stays small.
        if (before === undefined && catalog.label(candidate.provider.name, candidate.model) === "other") return
        speeds.set(name, before === undefined ? millis : before * 0.8 + millis * 0.2)
      }

      const inTime = (
        candidate: Candidate,
        content: Effect.Effect<Events, ProviderFailure>,
        { limit, timeouts }: Patience
      ): Effect.Effect<Events, ProviderFailure> =>
        limit === undefined
          ? content
          : Effect.timeoutOrElse(content, {
              duration: limit,
              orElse: () => Effect.fail(timeout(candidate, limit === timeouts.total ? "total" : "first_token"))
            })

      const begun = (candidate: Candidate, startedAt: number) => {
        health.succeeded(candidate.provider.name)
        catalog.answered(candidate.provider.name, candidate.model)
        measured(candidate, now() - startedAt)
      }

      /** One try at a candidate that answers at once. It holds nothing but its call, which ends with it. */
      const ask = (
        { candidate, prepared: { dropped } }: Able,
        whole: Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure>,
        patience: Patience,
        attempts: ReadonlyArray<Attempt>
      ): Effect.Effect<Reply, ProviderFailure> => {
        const startedAt = now()
        return Effect.map(inTime(candidate, contentOf(candidate, whole), patience), (first): Reply => {
          begun(candidate, startedAt)
          return { candidate, dropped, attempts, first, rest: undefined }
        })
      }

      /** One try at a candidate that streams, with a scope of its own: what failed must not stay open beside its successor. */
      const listen = Effect.fnUntraced(function* (
        { candidate, prepared: { dropped, events } }: Able,
        patience: Patience,
        attempts: ReadonlyArray<Attempt>
      ): Effect.fn.Return<Reply, ProviderFailure, Scope.Scope> {
        const startedAt = now()
        const scope = Scope.forkUnsafe(yield* Effect.scope)
        const begin = Effect.flatMap(Stream.toPull(events), (pull) =>
          Effect.map(inTime(candidate, firstContent(candidate, pull), patience), (first): Reply => {
            begun(candidate, startedAt)
            const deadline = startedAt + Duration.toMillis(patience.timeouts.total)
            const rest = Effect.suspend(() => (now() > deadline ? Effect.fail(timeout(candidate, "total")) : pull))
            return { candidate, dropped, attempts, first, rest }
          })
        )
        return yield* Effect.onExit(Scope.provide(begin, scope), (exit) =>
          Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)
        )
      })

      const open = (options: PlanOptions, able: Able): Effect.Effect<Reply, ProviderFailure, Scope.Scope> => {
        const { request, requestId, resolution } = options
        const timeouts = { ...defaultTimeouts, ...resolution.timeouts }
        const limit = firstContentLimit(request.stream === true, resolution.timeouts, timeouts)
        const patience: Patience = { timeouts, limit }
        const attempts: Array<Attempt> = []
        const attempt = (able: Able): Effect.Effect<Reply, ProviderFailure, Scope.Scope> => {
          const { candidate, others } = able
          const { whole } = able.prepared
          const startedAt = now()
          return Effect.catch(
            whole === undefined ? listen(able, patience, attempts) : ask(able, whole, patience, attempts),
            (failure) => {
              if (failure._tag === "ValidationError") return Effect.fail(failure)
              // A provider that says "not so fast" is up.
              if (failure._tag === "ProviderError") health.failed(candidate.provider.name)
              attempts.push(failed(candidate, failure, now() - startedAt))
              return Effect.matchEffect(firstAble(options, others), {
                onFailure: () => Effect.fail(withAttempts(failure, attempts)),
                onSuccess: (next) =>
                  Effect.andThen(
                    Effect.logWarning(
                      `${key(candidate)} failed (${failure.reason}), ${key(next.candidate)} takes over`
                    ).pipe(Effect.annotateLogs({ request_id: requestId })),
                    attempt(next)
                  )
              })
            }
          )
        }
        return attempt(able)
      }

      return {
        plan: (options) => {
          const { candidates, fallbacks, strategy } = options.resolution
          const ordered =
            candidates.length === 1
              ? candidates
              : order(strategy, candidates, {
                  random: random.nextDoubleUnsafe(),
                  firstContent: (candidate) => speeds.get(key(candidate))
                })
          return Effect.mapEager(
            firstAble(options, fallbacks.length === 0 ? ordered : [...ordered, ...fallbacks]),
            (able): Plan => ({ first: able.candidate, open: open(options, able) })
          )
        }
      }
    })
  )
}

interface PlanOptions {
  readonly requestId: string
  readonly request: ChatRequest
  readonly resolution: Resolution
}

/** How long a candidate may take; without `limit` the transport's own timers do. */
interface Patience {
  readonly timeouts: Timeouts
  readonly limit: Duration.Duration | undefined
}

/** The first candidate that can carry the request, and who comes after it. */
interface Able {
  readonly candidate: Candidate
  readonly prepared: Prepared
  readonly others: ReadonlyArray<Candidate>
}

const firstAble = (
  options: PlanOptions,
  candidates: ReadonlyArray<Candidate>
): Effect.Effect<Able, ProviderFailure> => {
  const [candidate] = candidates
  if (candidate === undefined) return Effect.fail(nobody)
  const others = candidates.length === 1 ? none : candidates.slice(1)
  const { provider, model } = candidate
  const prepared = Effect.mapEager(
    provider.prepare({ requestId: options.requestId, model, request: options.request }),
    (prepared): Able => ({ candidate, prepared, others })
  )
  return others.length === 0
    ? prepared
    : // The first refusal is told, where nobody else can either: it is about the model that the caller asked for.
      Effect.catchEager(prepared, (failure) => Effect.mapError(firstAble(options, others), () => failure))
}

const none: ReadonlyArray<Candidate> = []

const nobody = new ProviderError({
  reason: "provider_unavailable",
  message: "No provider is left that could serve this request",
  provider: "none"
})

/** Pulls until there is something that a client can see. */
const firstContent = (
  candidate: Candidate,
  pull: Pull.Pull<Events, ProviderFailure>
): Effect.Effect<Events, ProviderFailure> => {
  const seek = (before: ReadonlyArray<ChatEvent>): Pull.Pull<Events, ProviderFailure> =>
    Effect.flatMap(pull, (events) => {
      const all = before.length === 0 ? events : Arr.appendAll(before, events)
      return events.some(isContent) ? Effect.succeed(all) : seek(all)
    })
  return Pull.catchDone(seek([]), () => Effect.fail(noContent(candidate)))
}

const contentOf = (
  candidate: Candidate,
  whole: Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure>
): Effect.Effect<Events, ProviderFailure> =>
  Effect.flatMap(whole, (events) =>
    Arr.isReadonlyArrayNonEmpty(events) && events.some(isContent)
      ? Effect.succeed(events)
      : Effect.fail(noContent(candidate))
  )

const noContent = ({ provider }: Candidate) =>
  new ProviderError({
    reason: "provider_invalid_answer",
    message: `${provider.name} ended its answer without giving one`,
    provider: provider.name
  })

const timeout = ({ provider }: Candidate, timer: "first_token" | "total") =>
  new ProviderError({
    reason: "provider_timeout",
    message:
      timer === "total"
        ? `${provider.name} did not finish its answer in time`
        : `${provider.name} did not begin to answer in time`,
    provider: provider.name,
    timer
  })

type OwnFailure = Exclude<ProviderFailure, ValidationError>

const failed = ({ provider, model }: Candidate, failure: OwnFailure, millis: number): Attempt => ({
  provider: provider.name,
  model,
  status: "failed",
  reason: failure.reason,
  latency_ms: Math.round(millis)
})

const withAttempts = (failure: OwnFailure, attempts: ReadonlyArray<Attempt>): OwnFailure => {
  if (failure._tag !== "ProviderError") return failure
  const { reason, message, provider, upstreamStatus, upstreamMessage, timer, retryAfterMillis, cause } = failure
  return new ProviderError({
    reason,
    message,
    provider,
    attempts,
    ...(upstreamStatus === undefined ? {} : { upstreamStatus }),
    ...(upstreamMessage === undefined ? {} : { upstreamMessage }),
    ...(timer === undefined ? {} : { timer }),
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
    ...(cause === undefined ? {} : { cause })
  })
}
