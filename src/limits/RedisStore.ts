import { Clock, Effect } from "effect"
import * as Redis from "effect/persistence/Redis"
import { createHash } from "node:crypto"
import { InternalError } from "../domain/Errors.ts"
import { limiterScript, outcome, reasons } from "./LimiterScript.ts"
import type { LimitSet } from "../domain/Principal.ts"
import type { Decision, LimiterStore, Reservation, Windows, WindowState } from "./LimiterStore.ts"

export interface RedisStoreOptions {
  /**
   * How long after it was sent a decision may still count, in milliseconds; a second where it is not given. Far more
   * than a caller waits, since a busy process may be slow to send, and far less than what a server that hung has to
   * catch up with.
   */
  readonly staleMillis?: number | undefined
  /** Begins every key. */
  readonly prefix?: string | undefined
  /** A test's clock, in milliseconds; Redis' own otherwise. */
  readonly now?: Effect.Effect<number> | undefined
}

type Operation = "reserve" | "look" | "settle" | "renew"

/** What Redis calls the script; it need not be asked for. */
const sha = createHash("sha1").update(limiterScript).digest("hex")

const windowAt = (answer: ReadonlyArray<number>, position: number, limit: number | undefined) => {
  const remaining = answer[position]
  const resetMillis = answer[position + 1]
  if (limit === undefined || remaining === undefined || resetMillis === undefined) return undefined
  return { limit, remaining, resetMillis } satisfies WindowState
}

const windowsOf = (answer: ReadonlyArray<number>, limits: LimitSet): Windows => ({
  requestsPerMinute: windowAt(answer, 6, limits.rpm),
  requestsPerDay: windowAt(answer, 8, limits.rpd),
  tokensPerMinute: windowAt(answer, 10, limits.tpm),
  tokensPerDay: windowAt(answer, 12, limits.tpd)
})

/** Reads what `reserve` answers; undefined where it is no decision. */
const decisionOf = (answer: ReadonlyArray<number>, { limits }: Reservation): Decision | undefined => {
  const [tag, , reasonIndex, limit = 0, remaining = 0, retryAfterMillis = 0] = answer
  const windows = windowsOf(answer, limits)
  if (tag === outcome.admitted) return { _tag: "Admitted", windows }
  const reason = reasons[reasonIndex ?? -1]
  if (tag !== outcome.refused || reason === undefined) return undefined
  return { _tag: "Refused", reason, limit, remaining, retryAfterMillis, windows }
}

const unavailable = (cause: unknown) =>
  new InternalError({
    reason: "limiter_unavailable",
    message: "The rate limits cannot be checked; the request was not processed",
    retryAfterMillis: 1000,
    cause
  })

type Store = LimiterStore["Service"]

export interface SharedStore extends Store {
  /**
   * Gives leases to running requests that were admitted without it. Their requests and tokens are not counted after the
   * event: they belong to windows that were decided elsewhere.
   */
  readonly adopt: (reservations: ReadonlyArray<Reservation>) => Effect.Effect<void>
}

/** Counters that all instances share. Needs Redis 6.2 or newer. */
export const makeRedisStore = Effect.fn("RedisStore.make")(function* (options: RedisStoreOptions = {}) {
  const redis = yield* Redis.Redis
  const fork = Effect.runForkWith(yield* Effect.context())
  const staleMillis = options.staleMillis ?? 1000
  const prefix = options.prefix ?? "xrouter:limits:"
  // The braces make one slot of a cluster of all that belongs to a subject.
  const stemOf = (subject: string) => `${prefix}{${subject}}:`
  const run = (subject: string, operation: Operation, now: number | "", more: ReadonlyArray<string>) => {
    const stem = stemOf(subject)
    const keys = [`${stem}requests`, `${stem}tokens`, `${stem}counters`, `${stem}leases`] as const
    const evaluate = redis.send<ReadonlyArray<number> | null>(
      "evalsha",
      sha,
      "4",
      ...keys,
      operation,
      `${now}`,
      ...more
    )
    return Effect.catchEager(evaluate, (error) =>
      // A server that was started anew, or was told to forget.
      String(error.cause).includes("NOSCRIPT")
        ? Effect.andThen(redis.send("script", "load", limiterScript), evaluate)
        : Effect.fail(error)
    )
  }
  /** By Redis' clock; a reservation settled once has none any more. */
  const admittedAt = new WeakMap<Reservation, number>()
  /** Redis' clock less ours, as the last answer showed it; none until the first, and none under a test's clock. */
  let skew: number | undefined

  const clock = yield* Clock.Clock
  /** What the script is told of the time: nothing, but in a test. */
  const time: Effect.Effect<number | ""> = options.now ?? Effect.succeed("")

  // No generators here: each decision of a request would pay for their frames.
  const ask = (
    reservation: Reservation,
    operation: "reserve" | "look" = "reserve"
  ): Effect.Effect<ReadonlyArray<number>, Redis.RedisError> =>
    // Not eager: the effect may be run again later, and each run is a sending of its own.
    Effect.flatMap(time, (now) => {
      const { limits, requestId, subject, tokens } = reservation
      const { concurrency = 0, rpd = 0, rpm = 0, tpd = 0, tpm = 0 } = limits
      const sentAt = clock.currentTimeMillisUnsafe()
      const listensUntil = skew === undefined ? 0 : sentAt + skew + staleMillis
      const more = [requestId, ...[tokens, rpm, rpd, tpm, tpd, concurrency, listensUntil].map(String)]
      return Effect.map(run(subject, operation, now, more), (answer) => {
        if (options.now === undefined) skew = (answer?.[1] ?? 0) - sentAt
        return answer ?? []
      })
    })

  const decided = (
    reservation: Reservation,
    answer: ReadonlyArray<number>
  ): Effect.Effect<Decision, Redis.RedisError> => {
    const decision = decisionOf(answer, reservation)
    if (decision === undefined) {
      return Effect.fail(
        new Redis.RedisError({ cause: new Error(`Unexpected answer of the script: ${answer.join()}`) })
      )
    }
    if (decision._tag === "Admitted") admittedAt.set(reservation, answer[1] ?? 0)
    return Effect.succeed(decision)
  }

  const reserve = (reservation: Reservation): Effect.Effect<Decision, InternalError> =>
    Effect.matchEffect(ask(reservation), {
      onFailure: (error) => Effect.fail(unavailable(error.cause)),
      onSuccess: (answer) =>
        Effect.mapErrorEager(
          answer[0] === outcome.late
            ? // Too late by a clock that has been set since: now that is known, and nothing was counted.
              Effect.flatMap(ask(reservation), (again) => decided(reservation, again))
            : decided(reservation, answer),
          (error) => unavailable(error.cause)
        )
    })

  const look = (subject: string, limits: LimitSet): Effect.Effect<Windows, InternalError> => {
    const reservation = { subject, limits, requestId: "", tokens: 0 }
    return Effect.matchEffect(ask(reservation, "look"), {
      onFailure: (error) => Effect.fail(unavailable(error.cause)),
      onSuccess: (answer) => Effect.succeed(windowsOf(answer, limits))
    })
  }

  const inBackground = (name: string, effect: Effect.Effect<unknown, Redis.RedisError>) => {
    fork(
      Effect.catchTag(effect, "RedisError", (error) =>
        Effect.logDebug(`Redis did not take a ${name}; the lease ends by itself`, error.cause)
      )
    )
  }

  const settle = (reservation: Reservation, usedTokens: number) =>
    Effect.sync(() => {
      const at = admittedAt.get(reservation)
      if (at === undefined) return
      admittedAt.delete(reservation)
      const { limits, requestId, subject, tokens } = reservation
      const difference = usedTokens - tokens
      const minute = limits.tpm === undefined ? 0 : difference
      const day = limits.tpd === undefined ? 0 : difference
      if (limits.concurrency === undefined && minute === 0 && day === 0) return
      const lease = limits.concurrency === undefined ? "" : requestId
      inBackground("settlement", run(subject, "settle", at, [lease, `${at}`, `${minute}`, `${day}`]))
    })

  const renew = Effect.fnUntraced(function* (reservations: ReadonlyArray<Reservation>) {
    const renewedAt = yield* time
    const running = reservations.filter(
      (reservation) => reservation.limits.concurrency !== undefined && admittedAt.has(reservation)
    )
    for (const [subject, group] of Map.groupBy(running, ({ subject }) => subject)) {
      const ids = group.map(({ requestId }) => requestId)
      inBackground("renewal", run(subject, "renew", renewedAt, ids))
    }
  })

  const adopt = (reservations: ReadonlyArray<Reservation>) => {
    // Older than any entry: when they are settled only their leases are given back.
    for (const reservation of reservations) admittedAt.set(reservation, 0)
    return renew(reservations)
  }

  return { reserve, look, settle, renew, adopt } satisfies SharedStore
})
