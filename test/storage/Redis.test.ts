import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Queue, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { layer, layerUrls } from "../../src/storage/Redis.ts"
import { eventually } from "../support/Eventually.ts"
import { freePort, startRedis } from "../support/Redis.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

/** Patient, since a machine that runs tests may be slow; the tests of patience itself take the default. */
const at = (...urls: ReadonlyArray<string>) =>
  layerUrls(
    urls.map((url) => Redacted.make(url)),
    { patienceMillis: 10_000 }
  )

/** Its warnings are no part of these tests' output. */
const quietly = Layer.provide(Logger.layer([]))

const answers = (redis: Redis.Redis["Service"]) => Effect.map(Effect.exit(redis.send("ping")), Exit.isSuccess)

const logged = () => {
  const lines: Array<string> = []
  return {
    lines,
    layer: Logger.layer([Logger.make(({ logLevel, message }) => lines.push(`${logLevel} ${String(message)}`))])
  }
}

describe("Redis", () => {
  it.live("is what REDIS_URL says, with its password and its database", () =>
    Effect.gen(function* () {
      const server = yield* startRedis({ args: ["--requirepass", "s3cret/pass word"] })
      const url = `redis://:${encodeURIComponent("s3cret/pass word")}@127.0.0.1:${server.port}/3`
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        assert.include(yield* redis.send<string>("client", "info"), " db=3 ")
        assert.strictEqual(yield* redis.send<string>("SET", "key", "value"), "OK")
        assert.strictEqual(yield* redis.send<string>("get", "key"), "value")
      }).pipe(Effect.provide(layer.pipe(Layer.provide(layerTestSettings({ redisUrls: [Redacted.make(url)] })))))
    })
  )

  it.live("does not start with credentials that Redis refuses, and says so without telling them", () =>
    Effect.gen(function* () {
      const server = yield* startRedis({ args: ["--requirepass", "right"] })
      for (const [credentials, reason] of [
        [":wrong-one@", "WRONGPASS"],
        ["nobody:wrong-one@", "WRONGPASS"],
        ["", "NOAUTH"]
      ] as const) {
        const { lines, layer: logs } = logged()
        const build = Layer.build(at(`redis://${credentials}127.0.0.1:${server.port}`))
        const error = yield* Effect.flip(build).pipe(Effect.provide(logs))
        assert.strictEqual(error._tag, "ConfigError")
        assert.include(error.message, `REDIS_URL: Redis refuses the connection: ${reason}`)
        assert.notInclude(error.message + lines.join(), "wrong-one")
      }
    })
  )

  it.live("does not start with a database that is not there", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      const error = yield* Effect.flip(Layer.build(at(`${server.url}/99`).pipe(quietly)))
      assert.include(error.message, "DB index is out of range")
    })
  )

  it.live("needs a URL", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(layer))
      assert.include(error.message, "REDIS_URL: is not set")
    }).pipe(Effect.provide(layerTestSettings()))
  )

  it.live("may be away at the start and come later", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* server.kill
      const { lines, layer: logs } = logged()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        assert.isFalse(yield* answers(redis))
        yield* server.restart
        const returnedAt = performance.now()
        yield* eventually(answers(redis))
        assert.isBelow(performance.now() - returnedAt, 3000)
      }).pipe(Effect.provide(at(server.url).pipe(Layer.provide(logs))))
      assert.strictEqual(lines.length, 2, lines.join("\n"))
      assert.match(lines[0] ?? "", /^Warn Redis cannot be reached: connect ECONNREFUSED/)
      assert.strictEqual(lines[1], "Info Redis answers again")
    })
  )

  it.live("fails at once after a loss, sends nothing twice, and is back within 3 s of its return", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        yield* redis.send("incr", "counter")
        yield* server.kill
        const startedAt = performance.now()
        const exits = yield* Effect.all(
          Array.from({ length: 100 }, () => Effect.exit(redis.send("incr", "counter"))),
          { concurrency: "unbounded" }
        )
        assert.isTrue(exits.every(Exit.isFailure))
        assert.isBelow(performance.now() - startedAt, 1000)
        yield* server.restart
        const returnedAt = performance.now()
        yield* eventually(answers(redis))
        assert.isBelow(performance.now() - returnedAt, 3000)
        assert.isNull(yield* redis.send("get", "counter"))
      }).pipe(Effect.provide(at(server.url).pipe(quietly)))
    })
  )

  it.live("is waited for no longer than 50 ms when it hangs, and answers again when it goes on", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        yield* eventually(answers(redis))
        yield* server.pause
        const startedAt = performance.now()
        const errors = yield* Effect.all(
          Array.from({ length: 20 }, () => Effect.flip(redis.send("ping"))),
          { concurrency: "unbounded" }
        )
        // The machine's own delays come on top.
        assert.isBelow(performance.now() - startedAt, 500)
        assert.isTrue(errors.every(({ cause }) => String(cause).includes("No answer to ping within 50 ms")))
        yield* server.resume
        yield* eventually(answers(redis))
      }).pipe(Effect.provide(layerUrls([Redacted.make(server.url)]).pipe(quietly)), Effect.ensuring(server.resume))
    })
  )

  it.live("does not repeat a command's arguments in its errors", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        yield* redis.send("set", "text", "x")
        const error = yield* Effect.flip(redis.send("rpush", "text", "a secret value"))
        assert.include(String(error.cause), "WRONGTYPE")
        const told = [error, error.cause].flatMap((thing) => [
          String(thing),
          JSON.stringify(thing),
          ...Object.values(thing ?? {})
        ])
        assert.notInclude(told.map(String).join(), "a secret value")
      }).pipe(Effect.provide(at(server.url).pipe(quietly)))
    })
  )

  it.live("is sent in one write what is asked in one turn of the event loop", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const reads = Effect.map(redis.send<string>("info", "stats"), (text) =>
          Number(/total_reads_processed:(\d+)/.exec(text)?.[1])
        )
        const before = yield* reads
        yield* Effect.all(
          Array.from({ length: 200 }, (_, index) => redis.send("incrby", "sum", `${index}`)),
          { concurrency: "unbounded" }
        )
        assert.isAtMost((yield* reads) - before, 10)
        assert.strictEqual(yield* redis.send<string>("get", "sum"), "19900")
      }).pipe(Effect.provide(at(server.url).pipe(quietly)))
    })
  )

  it.live("runs a script again that it has forgotten", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const double = redis.eval(
          Redis.script((value: number) => [value], {
            lua: "return ARGV[1] * 2",
            numberOfKeys: 0
          }).withReturnType<number>()
        )
        assert.strictEqual(yield* double(4), 8)
        yield* redis.send("script", "flush")
        assert.strictEqual(yield* double(21), 42)
      }).pipe(Effect.provide(at(server.url).pipe(quietly)))
    })
  )

  it.live("delivers messages to subscribers, also after it was away", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const messages = yield* redis.subscribe("revocations")
        const publish = (message: string) =>
          eventually(
            Effect.map(
              Effect.orElseSucceed(redis.send<number>("publish", "revocations", message), () => 0),
              (receivers) => receivers > 0
            )
          )
        yield* publish("first")
        assert.deepStrictEqual(yield* Queue.take(messages), { channel: "revocations", message: "first" })
        yield* server.restart
        yield* publish("second")
        assert.deepStrictEqual(yield* Queue.take(messages), { channel: "revocations", message: "second" })
      }).pipe(Effect.provide(at(server.url).pipe(quietly)))
    })
  )

  it.live("takes a subscription while it is away, and makes it good when it comes", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* server.kill
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const messages = yield* redis.subscribe("revocations")
        yield* server.restart
        yield* eventually(
          Effect.map(
            Effect.orElseSucceed(redis.send<number>("publish", "revocations", "late"), () => 0),
            (receivers) => receivers > 0
          )
        )
        assert.strictEqual((yield* Queue.take(messages)).message, "late")
      }).pipe(Effect.provide(at(server.url).pipe(quietly)))
    })
  )

  it.live("lends connections for commands that block, past which others go on", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const [popped] = yield* Effect.all(
          [
            Effect.scoped(
              Effect.flatMap(redis.reserve, (own) => own.send<ReadonlyArray<string>>("blpop", "queue", "10"))
            ),
            Effect.gen(function* () {
              yield* eventually(
                Effect.map(redis.send<string>("info", "clients"), (text) => text.includes("blocked_clients:1"))
              )
              yield* redis.send("rpush", "queue", "work")
            })
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(popped, ["queue", "work"])
      }).pipe(Effect.provide(at(server.url).pipe(quietly)))
    })
  )

  it.live("lets what nobody waits for reach it before the connection is closed", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        for (let index = 0; index < 100; index += 1)
          yield* Effect.forkDetach(redis.send("incr", "late"), { startImmediately: true })
      }).pipe(Effect.provide(at(server.url).pipe(quietly)))
      const count = yield* Effect.flatMap(Redis.Redis, (redis) => redis.send("get", "late")).pipe(
        Effect.provide(at(server.url).pipe(quietly))
      )
      assert.strictEqual(count, "100")
    })
  )

  it.live("is not loaded where none is configured", () =>
    Effect.gen(function* () {
      const file = join(import.meta.dirname, "../../src/limits/LimiterStore.ts")
      const script = `import { createRequire } from "node:module"
        await import(${JSON.stringify(file)})
        console.log(Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes("ioredis")).length)`
      const { stdout } = yield* Effect.promise(() =>
        promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script])
      )
      assert.strictEqual(stdout.trim(), "0")
    })
  )

  it.live("costs a start no more than a second when nothing is there", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const startedAt = performance.now()
      yield* Effect.scoped(Layer.build(at(`redis://127.0.0.1:${port}`).pipe(quietly)))
      assert.isBelow(performance.now() - startedAt, 1500)
    })
  )
})
