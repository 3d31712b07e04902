import { Clock, Effect } from "effect"
import type * as Redis from "effect/persistence/Redis"
import { InternalError } from "../domain/Errors.ts"
import { outcome, reasons } from "./LimiterScript.ts"
import type { LimitSet } from "../domain/Principal.ts"
import type { Decision, LimiterStore, Reservation, Windows, WindowState } from "./LimiterStore.ts"
import { type Answer, makeScriptCalls, type Question } from "./ScriptCalls.ts"

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

/** Where the windows begin in an answer. */
const admitted = 2
const refused = 6

/** The numbers of the windows that hold, from `position` on. */
const windowsOf = (answer: Answer, position: number, { rpd, rpm, tpd, tpm }: LimitSet): Windows => {
  let next = position
  const window = (limit: number | undefined): WindowState | undefined => {
    if (limit === undefined) return undefined
    const remaining = answer[next++] ?? 0
    return { limit, remaining, resetMillis: answer[next++] ?? 0 }
  }
  return {
    requestsPerMinute: window(rpm),
    requestsPerDay: window(rpd),
    tokensPerMinute: window(tpm),
    tokensPerDay: window(tpd)
  }
}

/** Reads what `reserve` answers; undefined where it is no decision. */
const decisionOf = (answer: Answer, limits: LimitSet): Decision | undefined => {
  const [tag, , reasonIndex, limit = 0, remaining = 0, retryAfterMillis = 0] = answer
  if (tag === outcome.admitted) return { _tag: "Admitted", windows: windowsOf(answer, admitted, limits) }
  const reason = reasons[reasonIndex ?? -1]
  if (tag !== outcome.refused || reason === undefined) return undefined
  return { _tag: "Refused", reason, limit, remaining, retryAfterMillis, windows: windowsOf(answer, refused, limits) }
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

const heard = () => undefined

/** Counters that all instances share. Needs Redis 6.2 or newer. */
export const makeRedisStore = Effect.fn("RedisStore.make")(function* (options: RedisStoreOptions = {}) {
  const ask = yield* makeScriptCalls({ prefix: options.prefix ?? "xrouter:limits:", now: options.now })
  const log = Effect.runForkWith(yield* Effect.context())
  const clock = yield* Clock.Clock
  const staleMillis = options.staleMillis ?? 1000
  /** Of no day: one that is set would make Redis listen for too long, or not at all. */
  const monotonic = () => Math.round(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
  /** Redis' time less ours, as the last answer showed it; none until the first, and none under a test's clock. */
  let skew: number | undefined

  const decide = (
    operation: "reserve" | "look",
    { limits, requestId, subject, tokens }: Reservation,
    failed: Question["failed"],
    answered: Question["answered"]
  ) => {
    const { concurrency = 0, rpd = 0, rpm = 0, tpd = 0, tpm = 0 } = limits
    const askedAt = monotonic()
    const listensUntil = skew === undefined || operation === "look" ? 0 : askedAt + skew + staleMillis
    ask({
      subject,
      words: `${operation},${tokens},${rpm},${rpd},${tpm},${tpd},${concurrency},${listensUntil},${requestId}`,
      answered: (answer) => {
        if (options.now === undefined) skew = (answer[1] ?? 0) - askedAt
        answered(answer)
      },
      failed
    })
  }

  const reserve = (reservation: Reservation): Effect.Effect<Decision, InternalError> =>
    Effect.callback((resume) => {
      const failed = (error: Redis.RedisError) => resume(Effect.fail(unavailable(error.cause)))
      const decided = (answer: Answer) => {
        const decision = decisionOf(answer, reservation.limits)
        if (decision === undefined) {
          resume(Effect.fail(unavailable(new Error(`Unexpected answer of the script: ${answer.join()}`))))
          return
        }
        if (decision._tag === "Admitted") reservation.sharedAt = answer[1] ?? 0
        resume(Effect.succeed(decision))
      }
      decide("reserve", reservation, failed, (answer) => {
        // Too late by Redis' clock, which may have been set since: now that is known, and nothing was counted.
        if (answer[0] === outcome.late) decide("reserve", reservation, failed, decided)
        else decided(answer)
      })
    })

  const look = (subject: string, limits: LimitSet): Effect.Effect<Windows, InternalError> =>
    Effect.callback((resume) => {
      const failed = (error: Redis.RedisError) => resume(Effect.fail(unavailable(error.cause)))
      decide("look", { subject, limits, requestId: "", tokens: 0 }, failed, (answer) => {
        const position = answer[0] === outcome.refused ? refused : admitted
        resume(Effect.succeed(windowsOf(answer, position, limits)))
      })
    })

  const tell = (subject: string, words: string) => ask({ subject, words, answered: heard, failed: untold })
  const untold = (error: Redis.RedisError) => {
    log(Effect.logDebug("Redis was not told of a request's end or going on; its lease ends by itself", error.cause))
  }

  const settle = (reservation: Reservation, usedTokens: number) =>
    Effect.sync(() => {
      const { limits, requestId, sharedAt: at, subject, tokens } = reservation
      if (at === undefined) return
      reservation.sharedAt = undefined
      const difference = usedTokens - tokens
      const minute = limits.tpm === undefined ? 0 : difference
      const day = limits.tpd === undefined ? 0 : difference
      if (limits.concurrency === undefined && minute === 0 && day === 0) return
      tell(subject, `settle,${at},${minute},${day},${limits.concurrency === undefined ? "" : requestId}`)
    })

  const renew = (reservations: ReadonlyArray<Reservation>) =>
    Effect.sync(() => {
      for (const reservation of reservations) {
        if (reservation.limits.concurrency === undefined || reservation.sharedAt === undefined) continue
        tell(reservation.subject, `renew,${reservation.requestId}`)
      }
    })

  const adopt = (reservations: ReadonlyArray<Reservation>) => {
    // Older than any entry: when they are settled only their leases are given back.
    for (const reservation of reservations) reservation.sharedAt = 0
    return renew(reservations)
  }

  return { reserve, look, settle, renew, adopt } satisfies SharedStore
})
