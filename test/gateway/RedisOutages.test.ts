import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import type { SettingsValue } from "../../src/config/Settings.ts"
import * as RedisConnection from "../../src/storage/Redis.ts"
import { eventually } from "../support/Eventually.ts"
import { type Answer, hello, startGateway, type TestGateway } from "../support/Gateway.ts"
import { heldUpstream, wholeHeldStream } from "../support/HeldUpstream.ts"
import { type RedisServer, startRedis } from "../support/Redis.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"

type Mode = SettingsValue["onRedisFailure"]

/** A gateway that shall have an equal of its own, and the Redis that it was started without. */
const layerOf = (mode: Mode) => {
  class Subject extends Context.Service<Subject, { readonly gateway: TestGateway; readonly redis: RedisServer }>()(
    `Subject/${mode}`
  ) {
    static readonly layer = Layer.effect(
      Subject,
      Effect.gen(function* () {
        const redis = yield* startRedis()
        yield* redis.kill
        const gateway = yield* startGateway({
          redisUrls: [Redacted.make(redis.url)],
          onRedisFailure: mode,
          expectedInstances: 2,
          logLevel: "error"
        })
        return { gateway, redis }
      })
    )
  }
  return Subject
}

const statusOf = (gateway: TestGateway) =>
  Effect.gen(function* () {
    const health = yield* gateway.request("/health")
    const ready = yield* gateway.request("/health/ready")
    const { text } = yield* gateway.request("/metrics")
    return {
      health: `${health.status} ${health.json.status}`,
      ready: `${ready.status} ${ready.json.status ?? ready.json.error.details.reason}`,
      redis: health.json.components.redis,
      metric: Number(/^xrouter_degraded\{component="redis"\} (\d)$/m.exec(text)?.[1])
    }
  })

/** With `closed` no more requests should come to an instance that may not admit them. */
const away = (mode: Mode) =>
  mode === "closed"
    ? { health: "503 down", ready: "503 limiter_unavailable", redis: "down", metric: 1 }
    : { health: "200 degraded", ready: "200 degraded", redis: "down", metric: 1 }
const there = { health: "200 up", ready: "200 up", redis: "up", metric: 0 }

/** Its answers to `count` calls one after another, each with the milliseconds that it took. */
const calls = (gateway: TestGateway, key: string, count: number) =>
  Effect.gen(function* () {
    const answers: Array<Answer & { readonly millis: number }> = []
    for (let index = 0; index < count; index += 1) {
      const startedAt = performance.now()
      const answer = yield* gateway.chat(key, hello)
      answers.push(Object.assign(answer, { millis: performance.now() - startedAt }))
    }
    return answers
  })

const statuses = (answers: ReadonlyArray<Answer>) => answers.map(({ status }) => status)

const isMarked = ({ headers }: Answer) => headers.get("x-xrouter-degraded") === "rate-limit"

/** What the contract has for callers in each mode, once it is known that Redis is away. */
const answersWithout: Readonly<Record<Mode, (gateway: TestGateway) => Effect.Effect<void>>> = {
  share: Effect.fn(function* (gateway) {
    const answers = yield* calls(gateway, yield* gateway.makeKey({ limits: { rpm: 6 } }), 5)
    assert.deepStrictEqual(statuses(answers), [200, 200, 200, 429, 429])
    assert.isTrue(answers.every(isMarked))
    const refusal = answers.at(-1) ?? assert.fail("no answer")
    assert.deepInclude(refusal.json.error.details, { reason: "requests_per_minute", limit: 3 })
    assert.strictEqual(answers[0]?.headers.get("x-ratelimit-limit-requests"), "3")
  }),
  closed: Effect.fn(function* (gateway) {
    const answers = yield* calls(gateway, yield* gateway.makeKey({ limits: { rpm: 6 } }), 3)
    for (const answer of answers) {
      assert.strictEqual(answer.status, 503)
      assert.isTrue(isMarked(answer))
      assert.deepInclude(answer.json.error, { code: "internal_error" })
      assert.strictEqual(answer.json.error.details.reason, "limiter_unavailable")
      assert.strictEqual(answer.headers.get("retry-after"), "1")
    }
    assert.deepStrictEqual(statuses(yield* calls(gateway, yield* gateway.makeKey(), 2)), [200, 200])
  }),
  open: Effect.fn(function* (gateway) {
    const answers = yield* calls(gateway, yield* gateway.makeKey({ limits: { rpm: 1 } }), 4)
    assert.deepStrictEqual(statuses(answers), [200, 200, 200, 200])
    assert.isTrue(answers.every(isMarked))
    assert.isNull(answers[0]?.headers.get("x-ratelimit-limit-requests"))
  })
}

const isThere = (gateway: TestGateway) =>
  Effect.map(statusOf(gateway), (status) => JSON.stringify(status) === JSON.stringify(there))

const isBackWithin3s = Effect.fn(function* (gateway: TestGateway) {
  const returnedAt = performance.now()
  yield* eventually(isThere(gateway))
  assert.isBelow(performance.now() - returnedAt, 3000)
  const round = Effect.flatMap(gateway.makeKey({ limits: { rpm: 6 } }), (key) => calls(gateway, key, 8))
  let answers = yield* round
  // On a busy machine a command may take longer than a caller waits, and is decided without Redis, as it should be.
  for (let again = 0; again < 3 && answers.some(isMarked); again++) answers = yield* round
  assert.isFalse(answers.some(isMarked))
  assert.deepStrictEqual(statuses(answers), [200, 200, 200, 200, 200, 200, 429, 429])
  assert.strictEqual(answers[0]?.headers.get("x-ratelimit-limit-requests"), "6")
})

/**
 * Redis goes while a caller with limits calls. Of the first calls each may wait for it; then nobody does. None has a
 * status that its mode does not have.
 */
const isBarelyFelt = Effect.fn(function* (gateway: TestGateway, mode: Mode, outage: Effect.Effect<void>) {
  const key = yield* gateway.makeKey({ limits: { rpm: 1000 } })
  const usual = median(yield* calls(gateway, key, 15))
  yield* outage
  const answers = yield* calls(gateway, key, 30)
  assert.isTrue(
    answers.every(({ status }) => status === (mode === "closed" ? 503 : 200)),
    `${statuses(answers)}`
  )
  const added = answers.map(({ millis }) => millis - usual)
  // The wait itself and what the machine adds to it; without an end to it they would wait for seconds.
  for (const millis of added) assert.isBelow(millis, 1000)
  assert.isBelow(median(answers.slice(5)) - usual, 40)
  assert.isTrue(answers.slice(5).every(isMarked))
  assert.deepStrictEqual(yield* statusOf(gateway), away(mode))
})

const median = (answers: ReadonlyArray<{ readonly millis: number }>): number =>
  answers.map(({ millis }) => millis).toSorted((a, b) => a - b)[Math.floor(answers.length / 2)] ?? 0

for (const mode of ["share", "closed", "open"] as const) {
  const Subject = layerOf(mode)

  layer(Subject.layer, { excludeTestServices: true })(`a gateway that is to be ${mode} without Redis`, (it) => {
    it.effect("starts without it, says so, answers as documented, and shares limits within 3 s of its coming", () =>
      Effect.gen(function* () {
        const { gateway, redis } = yield* Subject
        assert.deepStrictEqual(yield* statusOf(gateway), away(mode))
        yield* answersWithout[mode](gateway)
        assert.strictEqual((yield* gateway.chat("xr-pro-mistyped", hello)).status, 401)
        yield* redis.restart
        yield* isBackWithin3s(gateway)
      })
    )

    it.effect("loses it by a kill as if nothing had happened but what is documented", () =>
      Effect.gen(function* () {
        const { gateway, redis } = yield* Subject
        yield* isBarelyFelt(gateway, mode, redis.kill)
        yield* answersWithout[mode](gateway)
        yield* redis.restart
        yield* isBackWithin3s(gateway)
      })
    )

    it.effect("is held up by one that hangs for some calls and no more", () =>
      Effect.gen(function* () {
        const { gateway, redis } = yield* Subject
        yield* isBarelyFelt(gateway, mode, redis.pause)
        yield* answersWithout[mode](gateway)
        yield* redis.resume
        yield* isBackWithin3s(gateway)
      }).pipe(Effect.ensuring(Effect.flatMap(Subject, ({ redis }) => redis.resume)))
    )

    it.effect("does not notice that it forgets the scripts, and begins new windows when it forgets all", () =>
      Effect.gen(function* () {
        const { gateway, redis } = yield* Subject
        const key = yield* gateway.makeKey({ limits: { rpm: 4 } })
        const context = yield* Layer.build(RedisConnection.layerUrls([Redacted.make(redis.url)]))
        const { send } = Context.get(context, Redis.Redis)
        assert.deepStrictEqual(statuses(yield* calls(gateway, key, 2)), [200, 200])
        yield* send("script", "flush")
        assert.deepStrictEqual(statuses(yield* calls(gateway, key, 3)), [200, 200, 429])
        yield* send("flushall")
        // For a minute after an outage an instance that shares heeds what it has admitted itself.
        assert.deepStrictEqual(statuses(yield* calls(gateway, key, 1)), [mode === "share" ? 429 : 200])
        const fresh = yield* gateway.makeKey({ limits: { rpm: 2 } })
        assert.deepStrictEqual(statuses(yield* calls(gateway, fresh, 3)), [200, 200, 429])
        assert.deepStrictEqual(yield* statusOf(gateway), there)
      }).pipe(Effect.scoped)
    )
  })
}

describe("a stream that runs while Redis goes and comes", () => {
  it.live("is not touched by it, and keeps its place among the simultaneous requests", () =>
    Effect.gen(function* () {
      const upstream = yield* heldUpstream
      const redis = yield* startRedis()
      const gateway = yield* startGateway({
        redisUrls: [Redacted.make(redis.url)],
        providers: providers({ openai: openAiSettings(upstream.url), sandbox: { kind: "sandbox" } })
      })
      const key = yield* gateway.makeKey({ limits: { concurrency: 1 } })
      const refusal = Effect.map(gateway.chat(key, hello), ({ json, status }) =>
        status === 200 ? 200 : json.error.details.reason
      )
      const stream = yield* Effect.forkChild(gateway.chat(key, { ...hello, model: "openai/any", stream: true }))
      yield* upstream.reached.await
      assert.strictEqual(yield* refusal, "concurrency", "before")
      yield* redis.kill
      for (let index = 0; index < 5; index += 1) assert.strictEqual(yield* refusal, "concurrency", `away ${index}`)
      yield* redis.restart
      yield* eventually(isThere(gateway))
      assert.strictEqual(yield* refusal, "concurrency", "back")
      yield* upstream.goOn.open
      const { status, text } = yield* Fiber.join(stream)
      assert.strictEqual(status, 200)
      assert.match(text, wholeHeldStream)
      yield* eventually(Effect.map(refusal, (told) => told === 200))
    }).pipe(Effect.scoped)
  )
})
