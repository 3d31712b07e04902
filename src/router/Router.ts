import { type Array as Arr, Clock, Context, Effect, Layer, type Pull, Random, Result, type Scope } from "effect"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import { type ModelAlias, Settings } from "../config/Settings.ts"
import type { Attempt } from "../domain/Attempt.ts"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ProviderFailure } from "../domain/Errors.ts"
import type { EmbeddingCall, Embeddings } from "../providers/Provider.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import type { RequestTrace } from "../telemetry/RequestTrace.ts"
import type { TraceContext } from "../telemetry/TraceContext.ts"
import { Attempts } from "./Attempts.ts"
import { Catalog, type Resolution } from "./Catalog.ts"
import { Conditions } from "./Conditions.ts"
import { prepareEmbedding } from "./Embedding.ts"
import { failover } from "./Failover.ts"
import { type Candidate, order, type Weighted } from "./Policy.ts"
import { ProviderHealth } from "./ProviderHealth.ts"
import type { MayCall } from "./Run.ts"
import { chosen, exactly, strategyOf, withoutWishes } from "./Wishes.ts"

type Events = Arr.NonEmptyReadonlyArray<ChatEvent>

/** Who answers, and how it came to that. */
export interface Served {
  readonly candidate: Candidate
  /** Parameters that this provider could not carry, by their OpenAI names. */
  readonly dropped: ReadonlyArray<string>
  /** The tries that led here, the last one still running. */
  readonly attempts: ReadonlyArray<Attempt>
}

/** An answer that has begun: its first content is there, so nobody else takes over. */
export interface Reply extends Served {
  readonly first: Events
  /** What comes after; undefined where `first` is all there is. */
  readonly rest: Pull.Pull<Events, ProviderFailure> | undefined
}

/** One vector for each text. */
export interface EmbeddingReply extends Served {
  readonly embeddings: Embeddings
}

/** A request that can be served: translated for its first candidate, not yet sent. */
export interface Plan<R = Reply> {
  /** Who is called first. */
  readonly first: Candidate
  /**
   * Calls the candidates in turn until one gives its first content; what is the provider's fault moves on to the next, what is
   * the caller's does not. Where all have failed, those whose failure may pass are asked again, at most as often as the model's
   * `attempts` say and not past its deadline. Closing the scope, or interrupting, closes the upstream's connection at once.
   */
  readonly open: Effect.Effect<R, ProviderFailure, Scope.Scope>
  /** The same without its first candidate; undefined where there is no other. */
  readonly next: Effect.Effect<Plan<R>, ProviderFailure> | undefined
}

export interface PlanOptions {
  readonly requestId: string
  readonly request: ChatRequest
  readonly resolution: Resolution
  readonly mayCall?: MayCall | undefined
  readonly trace?: RequestTrace | undefined
  /** For those providers that it may be told to. */
  readonly traceContext?: TraceContext | undefined
}

export interface EmbedOptions extends Omit<EmbeddingCall, "model" | "timers"> {
  readonly resolution: Resolution
  readonly mayCall?: MayCall | undefined
  readonly trace?: RequestTrace | undefined
}

export class Router extends Context.Service<
  Router,
  {
    /** Fails, without any network, where no candidate can carry the request, or all who could are left alone for a while. */
    readonly plan: (options: PlanOptions) => Effect.Effect<Plan, ProviderFailure>
    /** The same of texts to be embedded: retries, fallbacks, circuits and places are those of a chat. */
    readonly embed: (options: EmbedOptions) => Effect.Effect<Plan<EmbeddingReply>, ProviderFailure>
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
      const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const conditionOf = ({ model, provider }: Candidate) => conditions.find(provider, model)
      const chats = failover({ calls, conditions, metrics, now, call: calls.call })
      const embeddings = failover({ calls, conditions, metrics, now, call: calls.embed })

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
        isStream: boolean,
        sort: ModelAlias["strategy"] = strategy
      ): ReadonlyArray<Weighted> => {
        if (candidates.length <= 1 && fallbacks.length === 0) return candidates
        const inOrder = order(sort, candidates, {
          random: random.nextDoubleUnsafe(),
          firstContent: (candidate) => {
            const condition = conditionOf(candidate)
            return (isStream ? condition?.stream : condition?.whole)?.millis
          }
        })
        return restedFirst([...inOrder, ...fallbacks])
      }

      const planned = (
        { mayCall, request, requestId, resolution: { attempts }, trace, traceContext }: PlanOptions,
        candidates: ReadonlyArray<Weighted>,
        isExact = false
      ): Effect.Effect<Plan, ProviderFailure> =>
        chats(
          {
            requestId,
            isStream: request.stream === true,
            attempts,
            mayCall,
            trace,
            prepare: (candidate) => {
              const { model, patience, provider, tools } = candidate
              const { timers } = patience
              const translated = provider.prepare({ requestId, model, request, tools, timers, traceContext })
              return isExact ? Effect.flatMap(translated, exactly(candidate)) : translated
            }
          },
          candidates
        )

      return {
        plan: (options) => {
          const { request, resolution } = options
          const isStream = request.stream === true
          if (request.models === undefined && request.provider === undefined) {
            return planned(options, ordered(resolution, isStream))
          }
          const { provider: wishes = {} } = request
          const sort = strategyOf(wishes)
          const all = [resolution, ...(resolution.next ?? [])].flatMap((each) => ordered(each, isStream, sort))
          const wished = chosen(all, wishes)
          if (Result.isFailure(wished)) return Effect.fail(wished.failure)
          const isExact = wishes.require_parameters === true
          return planned({ ...options, request: withoutWishes(request) }, wished.success, isExact)
        },

        embed: ({ mayCall, resolution, trace, ...call }) =>
          embeddings(
            {
              requestId: call.requestId,
              isStream: false,
              attempts: resolution.attempts,
              mayCall,
              trace,
              prepare: (candidate) => prepareEmbedding(candidate, call)
            },
            ordered(resolution, false)
          )
      }
    })
  )

  static readonly layerSettings = Router.layerNoDeps.pipe(Layer.provide(Attempts.layer))

  /** The router, the catalogue of models that it goes by, and what is known of how the providers have served. */
  static readonly layerRouting = Router.layerSettings.pipe(
    Layer.provideMerge([Catalog.layer, ProviderHealth.layer, Conditions.layer])
  )

  /** With `redisUrls` instances tell each other which circuits are open. */
  static readonly layer = (options: Pick<LayerOptions, "models" | "calling" | "redisUrls"> = {}) =>
    Router.layerRouting.pipe(Layer.provide(layerOptions(options)))

  static readonly layerConfig = Router.layerRouting.pipe(Layer.provide(Settings.layer))
}
