import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { layerUrls } from "../../src/storage/Redis.ts"
import { slotOf } from "../../src/storage/RedisSlots.ts"
import { startRedis } from "../support/Redis.ts"

describe("a key's slot in a cluster", () => {
  it.live("is the one that Redis says, with braces and without", () =>
    Effect.gen(function* () {
      const server = yield* startRedis({ args: ["--cluster-enabled", "yes"] })
      const keys = [
        "",
        "123456789",
        "xrouter:limits:{key:one}:requests",
        "{user:ключ}:tokens",
        "a{}b",
        "a{}{b}",
        "{{b}}c",
        "}{b}{c}",
        "{open",
        "closed}",
        ...Array.from({ length: 200 }, (_, index) => `${"x".repeat(index % 40)}{${index}}${index}`)
      ]
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        for (const key of keys) {
          assert.strictEqual(slotOf(key), yield* redis.send<number>("cluster", "keyslot", key), key)
        }
      }).pipe(Effect.provide(layerUrls([Redacted.make(server.url)], { patienceMillis: 10_000 })))
    })
  )
})
