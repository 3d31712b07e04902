import { Clock, Duration, Effect } from "effect"
import type { HttpBody } from "effect/http/HttpBody"
import type * as HttpClient from "effect/http/HttpClient"
import type { Collecting } from "./Collecting.ts"
import { makeCollectorCall } from "./CollectorCall.ts"
import { telemetryLost } from "./Metrics.ts"
import type { PartialSuccess } from "./PartialSuccess.ts"

/** What one signal and its items are called where their loss is told. */
export interface Words {
  readonly signal: "Traces" | "Metrics" | "Log records"
  readonly label: Parameters<typeof telemetryLost>[0]
  /** Undefined where one that was missed is not missing. */
  readonly items: string | undefined
  /** What a collector counts of a batch that it takes in part. */
  readonly parts: string
}

/**
 * The way of one signal to its collector. The log hears once that something is lost, and once that nothing is any more; nothing fails
 * because of it.
 */
export interface Delivery {
  /** Whether it was taken, tried again where it might be. */
  readonly deliver: (body: HttpBody, items: number, tries: number) => Effect.Effect<boolean>
  /** An item found no room. */
  readonly overflowed: () => void
  /** The last delivery, of what is left at the process' end. It is given up where it takes too long. */
  readonly last: (delivering: Effect.Effect<unknown>) => Effect.Effect<void>
}

/** Tries of a batch that the collector did not take, and might; then it is dropped. */
export const tries = 3

/** How long the process stays for what is left of one signal; and where its collector has not taken the batch before either. */
const flushing = { usually: "3 seconds", afterFailure: "300 millis" } as const

/** From one try to the next where the collector does not say how long, and as long at most as it may say. */
const pause = Duration.toMillis("1 second")
const longestPause = Duration.toMillis("1 minute")

/** What a collector rejects is told at once, and then so seldom: it may be a part of every batch. */
const tellEvery = Duration.toMillis("1 hour")

export const makeDelivery = Effect.fnUntraced(function* (
  options: Collecting,
  { items: named, label, parts, signal }: Words
): Effect.fn.Return<Delivery, never, HttpClient.HttpClient> {
  const { origin, post } = yield* makeCollectorCall(options)
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const services = yield* Effect.context()
  const counter = telemetryLost(label)
  const count = (items: number) => counter.updateUnsafe(items, services)
  // Told from the start.
  count(0)
  let lost = 0
  let isOverflowing = false
  let isFailing = false
  let isLastTaken = true
  /** The collector wants none until then. */
  let restsUntil = -Infinity
  let rejected = 0
  let rejectionTold = -Infinity
  let isNoted = false

  const rested = Effect.suspend(() => {
    const wait = restsUntil - now()
    return wait > 0 ? Effect.sleep(wait) : Effect.void
  })

  const taken = Effect.suspend(() => {
    if (isOverflowing) {
      isOverflowing = false
      return losing("takes them slower than they come")
    }
    if (!isFailing) return Effect.void
    const gone = lost
    isFailing = false
    lost = 0
    const loss = named === undefined ? "" : `; lost meanwhile: ${gone} ${named}`
    return Effect.logInfo(`The collector of ${signal.toLowerCase()} takes them again${loss}`)
  })

  /** Told once, until all are taken again. */
  const losing = (what: string) => {
    if (isFailing) return Effect.void
    isFailing = true
    return Effect.logWarning(`${signal} are being lost: the collector at ${origin} ${what}`)
  }

  const rejecting = (message: string) => {
    const [gone, why] = [rejected, message === "" ? "" : `: ${message}`]
    rejected = 0
    rejectionTold = now()
    return Effect.logWarning(`${signal} are being lost: the collector at ${origin} rejects ${gone} ${parts}${why}`)
  }

  const takenInPart = (told: PartialSuccess) => {
    if (told.rejected === 0) {
      if (isNoted) return Effect.void
      isNoted = true
      return Effect.logWarning(`The collector of ${signal.toLowerCase()} at ${origin} says: ${told.message}`)
    }
    rejected += told.rejected
    count(told.rejected)
    return now() < rejectionTold + tellEvery ? Effect.void : rejecting(told.message)
  }

  const deliver = (body: HttpBody, items: number, triesLeft: number): Effect.Effect<boolean> =>
    Effect.matchEffect(Effect.andThen(rested, post(body)), {
      onSuccess: (told) => {
        isLastTaken = true
        return Effect.as(told === undefined ? taken : Effect.andThen(taken, takenInPart(told)), true)
      },
      onFailure: ({ isPassing, retryAfter, what }) => {
        const isTriedAgain = isPassing && triesLeft > 1
        restsUntil = now() + Math.min(retryAfter ?? (isTriedAgain ? pause : 0), longestPause)
        if (isTriedAgain) return deliver(body, items, triesLeft - 1)
        lost += items
        if (named !== undefined) count(items)
        isLastTaken = false
        return Effect.as(losing(what), false)
      }
    })

  return {
    deliver,
    overflowed: () => {
      lost++
      count(1)
      isOverflowing = true
    },
    last: (delivering) =>
      Effect.suspend(() => {
        // There is no later time.
        restsUntil = -Infinity
        const patience = isLastTaken ? flushing.usually : flushing.afterFailure
        return Effect.andThen(
          Effect.timeoutOption(Effect.interruptible(delivering), patience),
          Effect.suspend(() => (rejected === 0 ? Effect.void : rejecting("")))
        )
      })
  }
})
