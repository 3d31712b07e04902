import { Context, Effect, type Scope } from "effect"
import type { Connection } from "./RedisConnection.ts"

/** Who listens to a channel. Both are called in Redis' own order, one after the other. */
export interface Follower {
  readonly onMessage: (message: string) => void
  /** From now on every message comes; whatever was published before, at the start or during a loss, did not. */
  readonly onStanding: () => void
}

/** Channels of Redis, with word of the gaps in what they deliver. Each has a connection of its own. */
export class RedisSubscriptions extends Context.Service<
  RedisSubscriptions,
  {
    /** Listens until the scope closes. Redis may be away: the subscription is made when it is there, and again after each loss. */
    readonly follow: (channel: string, follower: Follower) => Effect.Effect<void, never, Scope.Scope>
  }
>()("xrouter/storage/RedisSubscriptions") {}

/**
 * How often the subscription is asked for again. Asking twice changes nothing, but an answer is due: a connection that is dead and does
 * not say so is found out, and a cluster's client, which changes its node without a word, is held to it.
 */
const askAgain = "2 seconds"

export const follow = Effect.fnUntraced(function* (connection: Connection, channel: string, follower: Follower) {
  let stands = false
  let isAsking = false
  const asked = (answer: boolean) => {
    isAsking = false
    const isNew = answer && !stands
    stands = answer
    if (isNew) follower.onStanding()
  }
  const ask = () => {
    if (isAsking) return
    isAsking = true
    connection.subscribe(channel).then(
      () => asked(true),
      () => asked(false)
    )
  }
  const onLoss = () => {
    stands = false
  }
  connection.on("message", (from: string, message: string) => {
    if (from === channel) follower.onMessage(message)
  })
  connection.on("close", onLoss).on("ready", ask)
  // How it ends is told by the events.
  connection.connect().catch(() => undefined)
  yield* Effect.sleep(askAgain).pipe(Effect.andThen(Effect.sync(ask)), Effect.forever, Effect.forkScoped)
})
