import { Clock, Effect } from "effect"
import type { RateLimitReason } from "../domain/Errors.ts"
import type { LimitSet } from "../domain/Principal.ts"
import { Leases } from "./Leases.ts"
import type { Decision, LimiterStore, Reservation, Windows, WindowState } from "./LimiterStore.ts"
import { SlidingLog } from "./SlidingLog.ts"
import { concurrencyRetryMillis, dayMillis, requestResolution, tokenResolution } from "./Spans.ts"

/** What one subject has used. Parts that its limits do not ask for are never made. */
interface Counters {
  requests: SlidingLog | undefined
  tokens: SlidingLog | undefined
  /** UTC days since 1970 that the two daily sums belong to. */
  day: number
  dayRequests: number
  dayTokens: number
  leases: Leases | undefined
}

const windowState = (limit: number, used: number, resetMillis: number): WindowState => ({
  limit,
  remaining: Math.max(0, limit - used),
  resetMillis
})

/**
 * The counters of this process. Everything happens within one turn of the event loop, so a decision is atomic by
 * itself.
 */
class Book {
  readonly #subjects = new Map<string, Counters>()
  #sweep = this.#subjects.entries()

  get size(): number {
    return this.#subjects.size
  }

  reserve(now: number, reservation: Reservation, limits: LimitSet): Decision {
    const { subject, tokens } = reservation
    const counters = this.#at(subject, now)
    const untilMidnight = dayMillis - (now % dayMillis)
    const minuteRequests = limits.rpm === undefined ? 0 : (counters.requests?.sumAt(now) ?? 0)
    const minuteTokens = limits.tpm === undefined ? 0 : (counters.tokens?.sumAt(now) ?? 0)

    let refusal: { reason: RateLimitReason; limit: number; used: number; wait: number } | undefined
    const refuse = (reason: RateLimitReason, limit: number, used: number, wait: number) => {
      if (refusal === undefined || wait > refusal.wait) refusal = { reason, limit, used, wait }
    }
    if (limits.rpm !== undefined && minuteRequests + 1 > limits.rpm) {
      const wait = counters.requests?.waitFor(limits.rpm - 1, now) ?? 0
      refuse("requests_per_minute", limits.rpm, minuteRequests, wait)
    }
    if (limits.rpd !== undefined && counters.dayRequests + 1 > limits.rpd) {
      refuse("requests_per_day", limits.rpd, counters.dayRequests, untilMidnight)
    }
    if (limits.tpm !== undefined && minuteTokens > 0 && minuteTokens + tokens > limits.tpm) {
      const wait = counters.tokens?.waitFor(Math.max(0, limits.tpm - tokens), now) ?? 0
      refuse("tokens_per_minute", limits.tpm, minuteTokens, wait)
    }
    if (limits.tpd !== undefined && counters.dayTokens > 0 && counters.dayTokens + tokens > limits.tpd) {
      refuse("tokens_per_day", limits.tpd, counters.dayTokens, untilMidnight)
    }
    const others = limits.concurrency === undefined ? 0 : (counters.leases?.othersAt(now, reservation.requestId) ?? 0)
    if (limits.concurrency !== undefined && others >= limits.concurrency) {
      refuse("concurrency", limits.concurrency, others, concurrencyRetryMillis)
    }
    if (refusal !== undefined) {
      return {
        _tag: "Refused",
        reason: refusal.reason,
        limit: refusal.limit,
        remaining: Math.max(0, refusal.limit - refusal.used),
        retryAfterMillis: refusal.wait,
        windows: this.#windows(counters, limits, now, untilMidnight)
      }
    }

    this.#count(counters, now, reservation)
    return { _tag: "Admitted", windows: this.#windows(counters, limits, now, untilMidnight) }
  }

  look(now: number, subject: string, limits: LimitSet): Windows {
    return this.#windows(this.#at(subject, now), limits, now, dayMillis - (now % dayMillis))
  }

  record(now: number, reservation: Reservation): void {
    this.#count(this.#at(reservation.subject, now), now, reservation)
  }

  settle(reservation: Reservation, usedTokens: number): void {
    const at = reservation.ownAt
    const counters = this.#subjects.get(reservation.subject)
    if (at === undefined || counters === undefined) return
    reservation.ownAt = undefined
    if (reservation.limits.concurrency !== undefined) counters.leases?.release(reservation.requestId)
    const difference = usedTokens - reservation.tokens
    if (reservation.limits.tpm !== undefined) counters.tokens?.correct(at, difference)
    if (reservation.limits.tpd !== undefined && counters.day === Math.floor(at / dayMillis)) {
      counters.dayTokens = Math.max(0, counters.dayTokens + difference)
    }
  }

  undo(reservation: Reservation): void {
    const { limits, subject } = reservation
    const at = reservation.ownAt
    const counters = this.#subjects.get(subject)
    if (at === undefined || counters === undefined) return
    if (limits.rpm !== undefined) counters.requests?.correct(at, -1)
    if (limits.rpd !== undefined && counters.day === Math.floor(at / dayMillis)) counters.dayRequests -= 1
    this.settle(reservation, 0)
  }

  renew(now: number, reservations: ReadonlyArray<Reservation>): void {
    for (const reservation of reservations) {
      if (reservation.limits.concurrency === undefined || reservation.ownAt === undefined) continue
      const counters = this.#at(reservation.subject, now)
      ;(counters.leases ??= new Leases()).hold(now, reservation.requestId)
    }
  }

  #count(counters: Counters, now: number, reservation: Reservation): void {
    const { limits, requestId, tokens } = reservation
    if (limits.rpm !== undefined) (counters.requests ??= new SlidingLog(requestResolution)).add(now, 1)
    if (limits.tpm !== undefined && tokens > 0) (counters.tokens ??= new SlidingLog(tokenResolution)).add(now, tokens)
    if (limits.rpd !== undefined) counters.dayRequests += 1
    if (limits.tpd !== undefined) counters.dayTokens += tokens
    if (limits.concurrency !== undefined) (counters.leases ??= new Leases()).hold(now, requestId)
    reservation.ownAt = now
  }

  #at(subject: string, now: number): Counters {
    const day = Math.floor(now / dayMillis)
    let counters = this.#subjects.get(subject)
    if (counters === undefined) {
      this.#forgetIdle(now)
      counters = { requests: undefined, tokens: undefined, day, dayRequests: 0, dayTokens: 0, leases: undefined }
      this.#subjects.set(subject, counters)
    } else if (counters.day !== day) {
      counters.day = day
      counters.dayRequests = 0
      counters.dayTokens = 0
    }
    return counters
  }

  #windows(counters: Counters, limits: LimitSet, now: number, untilMidnight: number): Windows {
    const { dayRequests, dayTokens, requests, tokens } = counters
    const { rpd, rpm, tpd, tpm } = limits
    return {
      requestsPerMinute:
        rpm === undefined ? undefined : windowState(rpm, requests?.sumAt(now) ?? 0, requests?.resetAt(now) ?? 0),
      requestsPerDay:
        rpd === undefined ? undefined : windowState(rpd, dayRequests, dayRequests === 0 ? 0 : untilMidnight),
      tokensPerMinute:
        tpm === undefined ? undefined : windowState(tpm, tokens?.sumAt(now) ?? 0, tokens?.resetAt(now) ?? 0),
      tokensPerDay: tpd === undefined ? undefined : windowState(tpd, dayTokens, dayTokens === 0 ? 0 : untilMidnight)
    }
  }

  /**
   * Each new subject pays for a look at four others, so those that nobody asks for any more are gone after a while,
   * without a timer and without a pause for a walk over all of them.
   */
  #forgetIdle(now: number): void {
    for (let looks = 0; looks < 4; looks += 1) {
      const next = this.#sweep.next()
      if (next.done === true) {
        this.#sweep = this.#subjects.entries()
        return
      }
      const [subject, counters] = next.value
      const today = counters.day === Math.floor(now / dayMillis)
      const idle =
        (counters.requests?.sumAt(now) ?? 0) === 0 &&
        (counters.tokens?.sumAt(now) ?? 0) === 0 &&
        !(today && (counters.dayRequests > 0 || counters.dayTokens > 0)) &&
        (counters.leases?.othersAt(now, "") ?? 0) === 0
      if (idle) this.#subjects.delete(subject)
    }
  }
}

export interface MemoryStore {
  readonly store: LimiterStore["Service"]
  /** Decides by other limits than the reservation's own: a share of them. */
  readonly reserveWithin: (reservation: Reservation, limits: LimitSet) => Effect.Effect<Decision>
  /** Takes an admission back as if it had not been: the request was refused elsewhere. */
  readonly undo: (reservation: Reservation) => Effect.Effect<void>
  /** Counts what was admitted elsewhere. */
  readonly record: (reservation: Reservation) => Effect.Effect<void>
  /** How many subjects are remembered. */
  readonly subjects: () => number
}

export const makeMemoryStore: Effect.Effect<MemoryStore> = Effect.sync(() => {
  const book = new Book()
  const byTheClock = <A>(act: (now: number) => A) =>
    Clock.clockWith((clock) => Effect.succeed(act(clock.currentTimeMillisUnsafe())))
  const reserveWithin = (reservation: Reservation, limits: LimitSet) =>
    byTheClock((now) => book.reserve(now, reservation, limits))
  return {
    store: {
      reserve: (reservation) => reserveWithin(reservation, reservation.limits),
      look: (subject, limits) => byTheClock((now) => book.look(now, subject, limits)),
      settle: (reservation, usedTokens) => Effect.sync(() => book.settle(reservation, usedTokens)),
      renew: (reservations) => byTheClock((now) => book.renew(now, reservations))
    },
    reserveWithin,
    undo: (reservation) => Effect.sync(() => book.undo(reservation)),
    record: (reservation) => byTheClock((now) => book.record(now, reservation)),
    subjects: () => book.size
  }
})
