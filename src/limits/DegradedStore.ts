import { Effect } from "effect"
import { ConfigError } from "../config/Faults.ts"
import type { SettingsValue } from "../config/Settings.ts"
import { InternalError } from "../domain/Errors.ts"
import type { LimitSet } from "../domain/Principal.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import type { Decision, LimiterStore, Reservation } from "./LimiterStore.ts"
import { makeMemoryStore } from "./MemoryStore.ts"
import type { SharedStore } from "./RedisStore.ts"
import { windowMillis } from "./Spans.ts"

type Store = LimiterStore["Service"]

export interface DegradedStoreOptions {
  readonly shared: SharedStore
  readonly mode: SettingsValue["onRedisFailure"]
  readonly expectedInstances: number
}

/** After so many failures in a row, each of another call, nobody asks the shared store any more, and nobody waits for it. */
const failuresToOpen = 3

/** How often it is then asked in the background whether it is back. */
const probeMillis = 500

/**
 * Writes as a decision does, so that a Redis that only reads (a replica, full memory) is not taken for a healthy one.
 */
const probe: Reservation = { subject: "probe", limits: { concurrency: 1 }, requestId: "probe", tokens: 0 }

/**
 * The shared store while it answers, and what the operator chose while it does not: `share`, this instance's part of
 * each limit; `closed`, a refusal; `open`, no limits.
 *
 * With `share` the memory has counted this instance's admissions all along, so the change takes place within the same
 * windows. It has a say for a minute after the shared store's return too, since that knows nothing of the minute before,
 * or has come back empty: no instance ever admits more than a limit by itself.
 */
export const makeDegradedStore = Effect.fn("DegradedStore.make")(function* (options: DegradedStoreOptions) {
  const { expectedInstances, mode, shared } = options
  const metrics = yield* Metrics
  const own = yield* makeMemoryStore
  const keepsOwnCount = mode === "share"
  /** Admitted by ourselves and still running, with a place among the simultaneous requests. */
  const alone = new Set<Reservation>()
  let failures = 0
  /** Why the last of them came about: many decisions go in one call, and fail with it for one and the same cause. */
  let lastCause: unknown
  let isOpen = false
  /** For how long the memory still has a say. */
  let distrustMillis = 0

  const without = (reservation: Reservation): Effect.Effect<Decision, InternalError> => {
    switch (mode) {
      case "share":
        return Effect.map(own.reserveWithin(reservation, shareOf(reservation.limits, expectedInstances)), (decision) =>
          degraded(reservation, decision)
        )
      case "open":
        return Effect.sync(() => degraded(reservation, { _tag: "Admitted", windows: {} }))
      case "closed":
        return Effect.fail(
          new InternalError({
            reason: "limiter_unavailable",
            message: "The rate limits cannot be checked; the request was not processed",
            retryAfterMillis: 1000
          })
        )
    }
  }

  const degraded = (reservation: Reservation, decision: Decision): Decision => {
    if (decision._tag === "Admitted" && reservation.limits.concurrency !== undefined) alone.add(reservation)
    return { ...decision, isDegraded: true }
  }

  const open = (reason: string) => {
    isOpen = true
    metrics.setDegraded("redis", true)
    return Effect.logWarning(`Rate limits do without Redis (${reason}): ${behaviour(mode, expectedInstances)}`)
  }

  const close = Effect.suspend(() => {
    isOpen = false
    failures = 0
    if (keepsOwnCount) distrustMillis = windowMillis
    metrics.setDegraded("redis", false)
    return Effect.andThen(Effect.logInfo("Rate limits are shared through Redis again"), handOver)
  })

  const handOver = Effect.suspend(() => {
    if (alone.size === 0) return Effect.void
    const running = [...alone]
    alone.clear()
    return shared.adopt(running)
  })

  const failed = (reservation: Reservation) => (error: InternalError) => {
    if (error.cause === undefined || error.cause !== lastCause) failures += 1
    lastCause = error.cause
    const opening = failures >= failuresToOpen && !isOpen ? open(reasonOf(error)) : Effect.void
    return Effect.andThen(opening, without(reservation))
  }

  const ask = (reservation: Reservation): Effect.Effect<Decision, InternalError> =>
    Effect.matchEffect(shared.reserve(reservation), {
      onFailure: failed(reservation),
      onSuccess: (decision) => {
        if (!isOpen) failures = 0
        return keepsOwnCount && decision._tag === "Admitted"
          ? Effect.as(own.record(reservation), decision)
          : Effect.succeed(decision)
      }
    })

  const askBoth = (reservation: Reservation): Effect.Effect<Decision, InternalError> =>
    Effect.flatMap(own.store.reserve(reservation), (ours) => {
      if (ours._tag === "Refused") return Effect.succeed(ours)
      const undo = own.undo(reservation)
      return Effect.matchEffect(shared.reserve(reservation), {
        onFailure: (error) => Effect.andThen(undo, failed(reservation)(error)),
        onSuccess: (decision): Effect.Effect<Decision> => {
          if (!isOpen) failures = 0
          return decision._tag === "Refused" ? Effect.as(undo, decision) : Effect.succeed(decision)
        }
      })
    })

  const answers = shared.reserve(probe)
  // Known before the first request: health and metrics are right from the start, and nobody pays for finding out.
  yield* Effect.catch(answers, (error) => {
    const reason = reasonOf(error)
    if (!reason.startsWith("NOPERM")) return open(reason)
    return Effect.fail(new ConfigError({ faults: [{ at: "REDIS_URL", message: `this user lacks rights: ${reason}` }] }))
  })
  yield* Effect.sleep(probeMillis).pipe(
    Effect.andThen(
      Effect.suspend(() => {
        if (isOpen) return Effect.ignore(Effect.andThen(answers, close))
        distrustMillis = Math.max(0, distrustMillis - probeMillis)
        return Effect.void
      })
    ),
    Effect.forever,
    Effect.forkScoped
  )

  return {
    reserve: (reservation) =>
      Effect.suspend(() => {
        if (isOpen) return without(reservation)
        return distrustMillis === 0 ? ask(reservation) : askBoth(reservation)
      }),
    look: (subject, limits) =>
      Effect.suspend(() => {
        const alone =
          mode === "share" ? own.store.look(subject, shareOf(limits, expectedInstances)) : Effect.succeed({})
        return isOpen ? alone : Effect.catch(shared.look(subject, limits), () => alone)
      }),
    // Each of the two takes only what it admitted itself.
    settle: (reservation, usedTokens) =>
      Effect.suspend(() => {
        alone.delete(reservation)
        const settleOwn = keepsOwnCount ? own.store.settle(reservation, usedTokens) : Effect.void
        return isOpen ? settleOwn : Effect.andThen(settleOwn, shared.settle(reservation, usedTokens))
      }),
    renew: (reservations) =>
      Effect.suspend(() => {
        const renewOwn = keepsOwnCount ? own.store.renew(reservations) : Effect.void
        if (isOpen) return renewOwn
        return renewOwn.pipe(Effect.andThen(shared.renew(reservations)), Effect.andThen(handOver))
      }),
    degraded: () => isOpen
  } satisfies Store
})

/** This instance's part of each limit, so that all together stay within it; but at least one, or nobody could work. */
const shareOf = (limits: LimitSet, instances: number): LimitSet => {
  const part = (limit: number) => Math.max(1, Math.floor(limit / instances))
  const { concurrency, rpd, rpm, tpd, tpm } = limits
  return {
    ...(rpm === undefined ? {} : { rpm: part(rpm) }),
    ...(rpd === undefined ? {} : { rpd: part(rpd) }),
    ...(tpm === undefined ? {} : { tpm: part(tpm) }),
    ...(tpd === undefined ? {} : { tpd: part(tpd) }),
    ...(concurrency === undefined ? {} : { concurrency: part(concurrency) })
  }
}

const behaviour = (mode: SettingsValue["onRedisFailure"], instances: number): string => {
  switch (mode) {
    case "share":
      return instances === 1 ? "this instance counts alone" : `this instance allows 1/${instances} of each limit`
    case "open":
      return "no limit holds"
    case "closed":
      return "requests that have limits are refused"
  }
}

const reasonOf = ({ cause, message }: InternalError): string => (cause instanceof Error ? cause.message : message)
