import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { layerUrls } from "../../src/storage/Redis.ts"
import { eventually } from "../support/Eventually.ts"
import { freePort, startRedis } from "../support/Redis.ts"

const at = (...urls: ReadonlyArray<string>) =>
  layerUrls(
    urls.map((url) => Redacted.make(url)),
    { patienceMillis: 10_000 }
  ).pipe(Layer.provide(Logger.layer([])))

const on = <A>(url: string, command: string, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(Redis.Redis, (redis) => redis.send<A>(command, ...args)).pipe(Effect.provide(Layer.fresh(at(url))))

/** A primary and its replica, both behind a password, and a sentinel that watches them. */
const startSentinel = Effect.gen(function* () {
  const guarded = ["--requirepass", "s3cret", "--masterauth", "s3cret", "--repl-diskless-sync-delay", "0"]
  const primary = yield* startRedis({ args: guarded })
  const replica = yield* startRedis({ args: [...guarded, "--replicaof", "127.0.0.1", `${primary.port}`] })
  yield* eventually(
    Effect.map(on<string>(`redis://:s3cret@127.0.0.1:${replica.port}`, "info", "replication"), (info) =>
      info.includes("master_link_status:up")
    )
  )
  const sentinel = yield* startRedis({
    file: [
      `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
      "sentinel auth-pass main s3cret",
      "sentinel down-after-milliseconds main 500",
      "sentinel failover-timeout main 3000",
      ""
    ].join("\n"),
    args: ["--sentinel"]
  })
  yield* eventually(
    Effect.map(
      on<ReadonlyArray<unknown>>(sentinel.url, "sentinel", "replicas", "main"),
      (replicas) => replicas.length === 1
    )
  )
  return { primary, replica, sentinel }
})

describe("Redis by sentinels", () => {
  it.live("is the primary that they name, with its password and database, also when another took its place", () =>
    Effect.gen(function* () {
      const { primary, replica, sentinel } = yield* startSentinel
      const ofReplica = `redis://:s3cret@127.0.0.1:${replica.port}/3`
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        assert.include(yield* redis.send<string>("client", "info"), " db=3 ")
        assert.strictEqual(yield* redis.send("set", "key", "first"), "OK")
        yield* eventually(Effect.map(on(ofReplica, "get", "key"), (value) => value === "first"))
        yield* primary.kill
        yield* eventually(Effect.map(Effect.exit(redis.send("set", "key", "second")), Exit.isSuccess))
        assert.strictEqual(yield* on(ofReplica, "get", "key"), "second")
      }).pipe(
        Effect.provide(
          // The first sentinel is away.
          at(
            `redis-sentinel://:s3cret@127.0.0.1:${yield* freePort}/3?master=main`,
            `redis-sentinel://127.0.0.1:${sentinel.port}`
          )
        )
      )
    })
  )
})
