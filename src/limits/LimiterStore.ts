import { Context, Effect, Layer } from "effect"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import { Settings } from "../config/Settings.ts"
import type { ConfigError } from "../config/Faults.ts"
import type { InternalError, RateLimitReason } from "../domain/Errors.ts"
import type { LimitSet } from "../domain/Principal.ts"
import * as Redis from "../storage/Redis.ts"
import type { Metrics } from "../telemetry/Metrics.ts"
import { makeDegradedStore } from "./DegradedStore.ts"
import { makeMemoryStore } from "./MemoryStore.ts"
import { makeRedisStore } from "./RedisStore.ts"

/** One question to the store: may this subject make a request now, and use about so many tokens? */
export interface Reservation {
  /** What the counters belong to: a key, a user, a model. */
  readonly subject: string
  readonly limits: LimitSet
  /** Names the lease, so that it can be given back and is never counted twice. */
  readonly requestId: string
  /**
   * Estimated tokens, settled after the call; 0 where no token limit holds. More than a whole limit are admitted into
   * an empty window and fill it: an estimate is a guess, and whoever waits as long as told is admitted.
   */
  readonly tokens: number
  /**
   * When it was admitted, in Unix milliseconds, so that its settlement finds the same entry: by this process, and by the clock of the store
   * that all share. The stores' own notes, kept here because a map of reservations would burden the garbage collector with each (`Roster`).
   */
  ownAt?: number | undefined
  sharedAt?: number | undefined
}

export const newReservation = (subject: string, limits: LimitSet, requestId: string, tokens: number): Reservation => ({
  subject,
  limits,
  requestId,
  tokens,
  ownAt: undefined,
  sharedAt: undefined
})

/** How one window stands after the decision. */
export interface WindowState {
  readonly limit: number
  readonly remaining: number
  /** Until the window is as if unused. */
  readonly resetMillis: number
}

export interface Windows {
  readonly requestsPerMinute?: WindowState | undefined
  readonly requestsPerDay?: WindowState | undefined
  readonly tokensPerMinute?: WindowState | undefined
  readonly tokensPerDay?: WindowState | undefined
}

interface Decided {
  readonly windows: Windows
  /** True where it was decided without the store that it should have been decided by. */
  readonly isDegraded?: boolean
}

export interface Admitted extends Decided {
  readonly _tag: "Admitted"
}

export interface Refused extends Decided {
  readonly _tag: "Refused"
  readonly reason: RateLimitReason
  readonly limit: number
  readonly remaining: number
  /** A lone caller who waits this long is admitted. */
  readonly retryAfterMillis: number
}

export type Decision = Admitted | Refused

/**
 * Where the counters live. One decision is atomic over all of a subject's limits: a refusal consumes none of them. In
 * any 60 seconds no more than `rpm` requests are admitted, whatever the limit with bounded memory. Leases (concurrency)
 * that are neither released nor renewed end by themselves after 30 s. Every implementation passes the same test suite.
 */
export class LimiterStore extends Context.Service<
  LimiterStore,
  {
    readonly reserve: (reservation: Reservation) => Effect.Effect<Decision, InternalError>
    /**
     * Corrects the reserved tokens by the difference to what was used, and gives the lease back; for the very
     * reservation that was admitted, and once: a second time changes nothing. Never fails, never waits.
     */
    readonly settle: (reservation: Reservation, usedTokens: number) => Effect.Effect<void>
    /** How the subject's windows stand by these limits. Counts nothing. */
    readonly look: (subject: string, limits: LimitSet) => Effect.Effect<Windows, InternalError>
    /** Renews the leases of running requests. */
    readonly renew: (reservations: ReadonlyArray<Reservation>) => Effect.Effect<void>
    /** Whether nobody asks the store any more that decisions should be made by; absent where that cannot be. */
    readonly degraded?: () => boolean
  }
>()("xrouter/limits/LimiterStore") {
  /** Counters of this process alone. */
  static readonly layerMemory = Layer.effect(
    LimiterStore,
    Effect.map(makeMemoryStore, ({ store }) => store)
  )

  /** Counters that all instances share; fails where Redis does. */
  static readonly layerRedis = Layer.effect(LimiterStore, makeRedisStore())

  /**
   * As the settings say: in Redis, with what is to be done while Redis is away, or in memory where no Redis is
   * configured.
   */
  static readonly layerSettings = Layer.unwrap(
    Effect.map(Settings, ({ expectedInstances, onRedisFailure, redisUrls }) =>
      redisUrls.length === 0
        ? LimiterStore.layerMemory
        : Layer.effect(
            LimiterStore,
            Effect.flatMap(makeRedisStore(), (shared) =>
              makeDegradedStore({ shared, mode: onRedisFailure, expectedInstances })
            )
          ).pipe(Layer.provide(Redis.layer))
    )
  )

  /** In memory without `redisUrls`. */
  static readonly layer = (
    options: Pick<LayerOptions, "redisUrls" | "onRedisFailure" | "expectedInstances"> = {}
  ): Layer.Layer<LimiterStore, ConfigError, Metrics> =>
    LimiterStore.layerSettings.pipe(Layer.provide(layerOptions(options)))

  static readonly layerConfig = LimiterStore.layerSettings.pipe(Layer.provide(Settings.layer))
}
