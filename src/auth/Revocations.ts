import { Clock, Context, Effect, FiberSet, Layer, Metric, Queue, type Scope } from "effect"
import * as Redis from "effect/persistence/Redis"
import { SqlClient } from "effect/sql/SqlClient"
import { Settings } from "../config/Settings.ts"
import type { InternalError } from "../domain/Errors.ts"
import * as RedisLayer from "../storage/Redis.ts"
import { RedisSubscriptions } from "../storage/RedisSubscriptions.ts"
import { revocationLag } from "../telemetry/Metrics.ts"
import { readLog, sweepLog } from "./RevocationLog.ts"
import { type Revoked, revokedFrom, toLine } from "./Revoked.ts"

/** Forgets what it remembers of these, or all where it cannot be told what it has missed. After a failure it is told `all`. */
export type Listener = (revoked: ReadonlyArray<Revoked> | "all") => Effect.Effect<void, InternalError>

/**
 * Word of what was revoked or changed, from whichever instance it was done at, to all who remember keys, users, clients, grants or tokens. The
 * database's log is the truth, and every instance reads on in it every two seconds; Redis, where there is one, only hurries: a
 * push is obeyed within a second, and a push that was lost is read in the log. Running requests go on, the next one is decided anew.
 */
export class Revocations extends Context.Service<
  Revocations,
  {
    /**
     * After the change was committed, which has noted it in the log by itself: obeyed here when this is done, and pushed to the
     * others.
     */
    readonly announce: (revoked: ReadonlyArray<Revoked>) => Effect.Effect<void>
    /** Listens until the scope closes. The first that it hears is `all`, soon: what it remembered until then may be of before. */
    readonly listen: (listener: Listener) => Effect.Effect<void, never, Scope.Scope>
  }
>()("xrouter/auth/Revocations") {
  static readonly layer = Layer.unwrap(
    Effect.map(Settings, ({ redisUrls }) =>
      redisUrls.length === 0
        ? Layer.effect(Revocations, make())
        : Layer.effect(Revocations, Effect.flatMap(channel, make)).pipe(Layer.provide(RedisLayer.layer))
    )
  )
}

/** How revocations travel faster than by the log. */
interface Push {
  readonly publish: (revoked: ReadonlyArray<Revoked>) => Effect.Effect<void>
  readonly follow: (follower: {
    readonly onRevoked: (revoked: ReadonlyArray<Revoked>) => void
    readonly onGap: () => void
  }) => Effect.Effect<void, never, Scope.Scope>
}

const channelName = "xrouter:revocations"

const channel = Effect.gen(function* () {
  const redis = yield* Redis.Redis
  const subscriptions = yield* RedisSubscriptions
  const push: Push = {
    publish: (revoked) =>
      Effect.catch(redis.send("publish", channelName, revoked.map(toLine).join("\n")), ({ cause }) =>
        Effect.logDebug("A revocation was not pushed; the other instances read it in the log", cause)
      ),
    follow: ({ onGap, onRevoked }) =>
      subscriptions.follow(channelName, {
        onMessage: (text) => onRevoked(text.split("\n").flatMap((line) => revokedFrom(line) ?? [])),
        onStanding: onGap
      })
  }
  return push
})

const lookEvery = "2 seconds"
const lookAgain = "500 millis"
/** Milliseconds. What is noted in the log stays there for at least so long, and whoever has not looked for half of it starts anew. */
const keptFor = 300_000

interface Moment {
  /** Milliseconds of the monotonic clock. */
  readonly at: number
  /** Unix milliseconds. */
  readonly time: number
}

const moment: Effect.Effect<Moment> = Clock.clockWith((clock) =>
  Effect.succeed({ at: Number(clock.monotonicTimeNanosUnsafe()) / 1e6, time: clock.currentTimeMillisUnsafe() })
)

/** The longer of what the two clocks say: one stands still while a machine sleeps, the other can be set. */
const between = (before: Moment, now: Moment): number => Math.max(now.at - before.at, Math.abs(now.time - before.time))

const make = Effect.fnUntraced(function* (push?: Push) {
  const sql = yield* SqlClient
  const run = yield* FiberSet.makeRuntime()
  const hurries = yield* Queue.sliding<void>(1)
  const listeners = new Set<Listener>()
  const newcomers = new Set<Listener>()
  let isAway = false
  /** The last look that was obeyed, and the one up to which the log is swept next. */
  let last: (Moment & { readonly snapshot: string }) | undefined
  let swept: typeof last
  /** What is remembered here is at most so old. */
  let currentSince = (yield* moment).at

  const obey = (revoked: ReadonlyArray<Revoked>) =>
    Effect.forEach([...listeners], (listener) => Effect.ignore(listener(revoked)), { discard: true })

  const look = Effect.gen(function* () {
    const now = yield* moment
    const isRecent = last !== undefined && between(last, now) <= keptFor / 2
    const { revoked, snapshot } = yield* readLog(sql, isRecent ? last?.snapshot : undefined)
    let failure: InternalError | undefined
    for (const listener of listeners) {
      const news = newcomers.has(listener) ? "all" : revoked
      if (news !== "all" && news.length === 0) continue
      // Until it has obeyed it has missed something.
      newcomers.add(listener)
      const fault = yield* Effect.match(listener(news), { onFailure: (error) => error, onSuccess: () => undefined })
      if (fault === undefined) newcomers.delete(listener)
      else failure = fault
    }
    last = { snapshot, ...now }
    return failure
  })

  /** Every instance does; what one has removed the others do not find. */
  const sweep = Effect.suspend(() => {
    const [seen, before] = [last, swept ?? last]
    if (seen === undefined || before === undefined) return Effect.void
    swept = before
    if (seen.at - before.at < keptFor) return Effect.void
    swept = seen
    return Effect.catch(sweepLog(sql, before.snapshot), (error) =>
      Effect.logWarning("Old revocations could not be removed; trying again later", error)
    )
  })

  const turn = Effect.gen(function* () {
    const startedAt = (yield* moment).at
    const failure = yield* Effect.catch(look, Effect.succeed)
    yield* Metric.update(revocationLag, ((yield* moment).at - currentSince) / 1000)
    if (failure === undefined) {
      if (isAway) yield* Effect.logInfo("What other instances revoke is known again")
      isAway = false
      currentSince = startedAt
      yield* sweep
    } else if (!isAway && last !== undefined) {
      isAway = true
      yield* Effect.logWarning(
        "What other instances revoke cannot be read; what is remembered holds for its time",
        failure
      )
    }
    yield* Effect.timeoutOption(Queue.take(hurries), failure === undefined ? lookEvery : lookAgain)
  }).pipe(
    // Whatever it is, nobody may be let in for ever because of it.
    Effect.catchDefect((defect) =>
      Effect.andThen(Effect.logError("A look for revocations failed", defect), Effect.sleep(lookEvery))
    )
  )

  const hurry = () => void Queue.offerUnsafe(hurries, undefined)

  yield* Effect.forkScoped(Effect.forever(turn))
  if (push !== undefined) {
    yield* push.follow({ onRevoked: (revoked) => void run(obey(revoked)), onGap: hurry })
  }

  return Revocations.of({
    announce: (revoked) =>
      revoked.length === 0 ? Effect.void : Effect.andThen(obey(revoked), push?.publish(revoked) ?? Effect.void),
    listen: (listener) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          listeners.add(listener)
          newcomers.add(listener)
          hurry()
        }),
        () =>
          Effect.sync(() => {
            listeners.delete(listener)
            newcomers.delete(listener)
          })
      )
  })
})
