import { Effect, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { layerUrls } from "../../src/storage/Redis.ts"
import { eventually } from "./Eventually.ts"
import { startRedis } from "./Redis.ts"

const slots = 16_384

/** A cluster of three primaries, each with a third of the slots; gone when the scope closes. Answers their URLs. */
export const startRedisCluster = Effect.gen(function* () {
  const servers = yield* Effect.forEach([0, 1, 2], () =>
    startRedis({ args: ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"] })
  )
  const urls = servers.map(({ url }) => url)
  for (const [index, { url }] of servers.entries()) {
    yield* Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const first = Math.ceil((slots / 3) * index)
      const last = Math.ceil((slots / 3) * (index + 1)) - 1
      yield* redis.send("cluster", "addslotsrange", `${first}`, `${last}`)
      for (const { port } of servers) yield* redis.send("cluster", "meet", "127.0.0.1", `${port}`)
    }).pipe(Effect.provide(layerUrls([Redacted.make(url)], { patienceMillis: 10_000 })))
  }
  for (const url of urls) {
    yield* Effect.flatMap(Redis.Redis, (redis) =>
      eventually(
        Effect.map(
          redis.send<string>("cluster", "info"),
          (info) => info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3")
        )
      )
    ).pipe(Effect.provide(layerUrls([Redacted.make(url)], { patienceMillis: 10_000 })))
  }
  return urls
})
