import { Context, Effect, FiberSet, Layer, Option, Result, Schema, type Scope } from "effect"
import * as Redis from "effect/persistence/Redis"
import { randomUUID } from "node:crypto"
import { Settings } from "../config/Settings.ts"
import * as RedisLayer from "../storage/Redis.ts"
import { RedisSubscriptions } from "../storage/RedisSubscriptions.ts"

/** A circuit that has opened, for so many milliseconds, or closed (0). */
const News = Schema.Struct({
  /** Who says so; an instance does not listen to itself. */
  instance: Schema.String,
  provider: Schema.String,
  model: Schema.String,
  openFor: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 3_600_000 }))
})
type News = Omit<typeof News.Type, "instance">

/**
 * Word between instances of what is open: where one has found a provider away the others need not find it out by failures of their own.
 * By Redis, where there is one. It may be lost, and then each instance decides for itself, as it does without Redis.
 */
export class CircuitNews extends Context.Service<
  CircuitNews,
  {
    /** Returns at once, whatever becomes of it. */
    readonly tell: (news: News) => void
    /** Listens until the scope closes. */
    readonly follow: (onNews: (news: News) => void) => Effect.Effect<void, never, Scope.Scope>
  }
>()("xrouter/router/CircuitNews") {
  static readonly layer = Layer.unwrap(
    Effect.map(Settings, ({ redisUrls }) =>
      redisUrls.length === 0 ? CircuitNews.layerAlone : CircuitNews.layerRedis.pipe(Layer.provide(RedisLayer.layer))
    )
  )

  static readonly layerAlone = Layer.succeed(CircuitNews, { tell: () => undefined, follow: () => Effect.void })

  static readonly layerRedis = Layer.effect(
    CircuitNews,
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const subscriptions = yield* RedisSubscriptions
      const run = yield* FiberSet.makeRuntime()
      const instance = randomUUID()
      return {
        tell: (news) => {
          run(Effect.ignore(redis.send("publish", channel, JSON.stringify({ ...news, instance }))))
        },
        follow: (onNews) =>
          subscriptions.follow(channel, {
            onMessage: (text) => {
              const news = Result.getSuccess(decode(text))
              if (Option.isSome(news) && news.value.instance !== instance) onNews(news.value)
            },
            // What was missed meanwhile is found out by calls.
            onStanding: () => undefined
          })
      }
    })
  )
}

const channel = "xrouter:circuits"

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(News))
