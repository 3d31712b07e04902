import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { layerUrls } from "../../src/storage/Redis.ts"
import { RedisSubscriptions } from "../../src/storage/RedisSubscriptions.ts"
import { eventually } from "../support/Eventually.ts"
import { startRedis } from "../support/Redis.ts"
import { startRedisCluster } from "../support/RedisCluster.ts"

const quietly = Layer.provide(Logger.layer([]))

/** Who follows a channel, with what it was told in order, and whoever publishes on a connection of its own. */
const following = Effect.fnUntraced(function* (...urls: ReadonlyArray<string>) {
  const layer = layerUrls(
    urls.map((url) => Redacted.make(url)),
    { patienceMillis: 10_000 }
  ).pipe(quietly)
  const [ours, theirs] = [yield* Layer.build(Layer.fresh(layer)), yield* Layer.build(Layer.fresh(layer))]
  const told: Array<string> = []
  yield* Context.get(ours, RedisSubscriptions).follow("channel", {
    onMessage: (message) => void told.push(message),
    onStanding: () => void told.push("standing")
  })
  const redis = Context.get(theirs, Redis.Redis)
  let sent = 0
  return {
    told,
    publish: (message: string, channel = "channel") => Effect.ignore(redis.send("publish", channel, message)),
    standings: (count: number) =>
      eventually(Effect.sync(() => told.filter((word) => word === "standing").length >= count)),
    /** Until a message comes through. */
    delivers: Effect.suspend(() => {
      const message = `message-${sent++}`
      return eventually(
        Effect.andThen(
          Effect.ignore(redis.send("publish", "channel", message)),
          Effect.sync(() => told.includes(message))
        )
      )
    })
  }
})

describe("who follows a channel of Redis", () => {
  it.live("is told when it stands, then every message, and nothing of another channel", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      const { publish, standings, told } = yield* following(server.url)
      yield* standings(1)
      yield* publish("elsewhere", "another")
      for (const word of ["one", "two", "three"]) yield* publish(word)
      yield* eventually(Effect.sync(() => told.length === 4))
      assert.deepStrictEqual(told, ["standing", "one", "two", "three"])
    }).pipe(Effect.scoped)
  )

  it.live("is told so again after each loss, when what is published comes through again", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      const { delivers, publish, standings, told } = yield* following(server.url)
      yield* standings(1)
      for (const loss of [1, 2]) {
        yield* server.kill
        yield* publish("lost")
        yield* server.restart
        yield* standings(loss + 1)
        yield* delivers
      }
      assert.notInclude(told, "lost")
      assert.lengthOf(
        told.filter((word) => word === "standing"),
        3
      )
    }).pipe(Effect.scoped)
  )

  it.live("may come before Redis does", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* server.kill
      const { delivers, standings, told } = yield* following(server.url)
      yield* Effect.sleep("100 millis")
      assert.lengthOf(told, 0)
      yield* server.restart
      yield* standings(1)
      yield* delivers
    }).pipe(Effect.scoped)
  )

  it.live("is not left on a connection that is dead and does not say so", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      const { delivers, standings } = yield* following(server.url)
      yield* standings(1)
      yield* server.pause
      // The question that gets no answer, and the time that it has for one.
      yield* Effect.sleep("5 seconds")
      yield* server.resume
      yield* standings(2)
      yield* delivers
    }).pipe(Effect.scoped)
  )

  it.live("hears in a cluster what was published at any node, and goes on with another when its own dies", () =>
    Effect.gen(function* () {
      const { nodes, urls } = yield* startRedisCluster
      const { delivers, standings, told } = yield* following(...urls)
      yield* standings(1)
      for (const [index, { send }] of nodes.entries()) {
        yield* send("publish", "channel", `from-${index}`)
        yield* eventually(Effect.sync(() => told.includes(`from-${index}`)))
      }
      for (const node of nodes) {
        yield* node.kill
        yield* delivers
        yield* node.restart
      }
    }).pipe(Effect.scoped)
  )
})
