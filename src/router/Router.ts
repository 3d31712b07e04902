import { Array as Arr, Cause, Clock, Context, Duration, Effect, Exit, Layer, Pull, Random, Scope, Stream } from "effect"
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
  readonly rest: Pull.Pull<Events, ProviderFailure>
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
    readonly plan: (options: {
      readonly requestId: string
      readonly request: ChatRequest
      readonly resolution: Resolution
    }) => Effect.Effect<Plan, ProviderFailure>
  }
>()("xrouter/router/Router") {
  static readonly layer = Layer.effect(
    Router,
    Effect.gen(function* () {
      const catalog = yield* Catalog
      const health = yield* ProviderHealth
      const clock = yield* Clock.Clock
      const speeds = new Map<string, number>()
      const now = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
      const key = ({ provider, model }: Candidate) => `${provider.name}/${model}`

      const measured = (candidate: Candidate, millis: number) => {
        const before = speeds.get(key(candidate))
        // Only models of the catalogue are remembered, so that the map stays small.
        if (catalog.label(candidate.provider.name, candidate.model) !== "other") {
          speeds.set(key(candidate), before === undefined ? millis : before * 0.8 + millis * 0.2)
        }
      }

      const call = Effect.fnUntraced(function* (
        candidate: Candidate,
        prepared: Prepared,
        timeouts: Timeouts,
        limit: Duration.Duration | undefined,
        attempts: ReadonlyArray<Attempt>
      ): Effect.fn.Return<Reply, ProviderFailure, Scope.Scope> {
        const startedAt = now()
        const pull = prepared.whole === undefined ? yield* Stream.toPull(prepared.events) : Cause.done()
        const content =
          prepared.whole === undefined ? firstContent(candidate, pull) : contentOf(candidate, prepared.whole)
        const first = yield* limit === undefined
          ? content
          : Effect.timeoutOrElse(content, {
              duration: limit,
              orElse: () => Effect.fail(timeout(candidate, limit === timeouts.total ? "total" : "first_token"))
            })
        health.succeeded(candidate.provider.name)
        catalog.answered(candidate.provider.name, candidate.model)
        measured(candidate, now() - startedAt)
        const deadline = startedAt + Duration.toMillis(timeouts.total)
        return {
          candidate,
          dropped: prepared.dropped,
          attempts,
          first,
          rest:
            prepared.whole === undefined
              ? Effect.suspend(() => (now() > deadline ? Effect.fail(timeout(candidate, "total")) : pull))
              : pull
        }
      })

      const open = Effect.fnUntraced(function* (
        options: { readonly requestId: string; readonly request: ChatRequest; readonly resolution: Resolution },
        able: Able
      ): Effect.fn.Return<Reply, ProviderFailure, Scope.Scope> {
        const parent = yield* Effect.scope
        const timeouts = { ...defaultTimeouts, ...options.resolution.timeouts }
        const limit = firstContentLimit(options.request.stream === true, options.resolution.timeouts, timeouts)
        const attempts: Array<Attempt> = []
        let { candidate, prepared, others } = able
        while (true) {
          const startedAt = now()
          const scope = Scope.forkUnsafe(parent)
          const exit = yield* Effect.exit(Scope.provide(call(candidate, prepared, timeouts, limit, attempts), scope))
          if (Exit.isSuccess(exit)) return exit.value
          yield* Scope.close(scope, exit)
          const failure = Cause.findErrorOption(exit.cause)
          if (failure._tag === "None" || failure.value._tag === "ValidationError") return yield* exit
          // A provider that says "not so fast" is up.
          if (failure.value._tag === "ProviderError") health.failed(candidate.provider.name)
          attempts.push(failed(candidate, failure.value, now() - startedAt))
          const next = yield* firstAble(options, others).pipe(Effect.option)
          if (next._tag === "None") return yield* withAttempts(failure.value, attempts)
          yield* Effect.logWarning(
            `${key(candidate)} failed (${failure.value.reason}), ${key(next.value.candidate)} takes over`
          ).pipe(Effect.annotateLogs({ request_id: options.requestId }))
          ;({ candidate, prepared, others } = next.value)
        }
      })

      return {
        plan: Effect.fnUntraced(function* (options) {
          const { candidates, fallbacks, strategy } = options.resolution
          const ordered =
            candidates.length === 1
              ? candidates
              : order(strategy, candidates, {
                  random: yield* Random.next,
                  firstContent: (candidate) => speeds.get(key(candidate))
                })
          const able = yield* firstAble(options, fallbacks.length === 0 ? ordered : [...ordered, ...fallbacks])
          return { first: able.candidate, open: open(options, able) }
        })
      }
    })
  )
}

/** The first candidate that can carry the request, and who comes after it. */
interface Able {
  readonly candidate: Candidate
  readonly prepared: Prepared
  readonly others: ReadonlyArray<Candidate>
}

const firstAble = (
  options: { readonly requestId: string; readonly request: ChatRequest },
  candidates: ReadonlyArray<Candidate>
): Effect.Effect<Able, ProviderFailure> => {
  const [candidate, ...others] = candidates
  if (candidate === undefined) return Effect.fail(nobody)
  const { provider, model } = candidate
  return provider.prepare({ requestId: options.requestId, model, request: options.request }).pipe(
    Effect.map((prepared) => ({ candidate, prepared, others })),
    Effect.catch((failure) =>
      // The first refusal is told, where nobody else can either: it is about the model that the caller asked for.
      others.length === 0 ? Effect.fail(failure) : Effect.mapError(firstAble(options, others), () => failure)
    )
  )
}

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
