import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { randomBytes } from "node:crypto"
import { layerUrls } from "../../src/storage/Redis.ts"
import { eventually } from "../support/Eventually.ts"
import { adminKey, type Answer, gatewayAt, hello, type TestGateway } from "../support/Gateway.ts"
import { type GatewayProcess, startProcess } from "../support/GatewayProcess.ts"
import { startRedis } from "../support/Redis.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { freshDatabase } from "../support/TestDatabase.ts"

interface Instance {
  readonly process: GatewayProcess
  readonly gateway: TestGateway
}

/** Two processes with one PostgreSQL, one Redis and one provider, whose streams begin and never end. */
class Fleet extends Context.Service<
  Fleet,
  {
    readonly here: Instance
    readonly there: Instance
    readonly redis: Redis.Redis["Service"]
    readonly upstream: Scripted.ScriptedUpstream
  }
>()("Fleet") {
  static readonly layer = Layer.effect(
    Fleet,
    Effect.gen(function* () {
      const server = yield* startRedis()
      const upstream = yield* Scripted.make(({ method }) =>
        method === "GET" ? Scripted.json(200, { data: [] }) : endless
      )
      const environment = {
        DATABASE_URL: yield* freshDatabase,
        REDIS_URL: server.url,
        XROUTER_EXPECTED_INSTANCES: "2",
        XROUTER_ADMIN_KEY: adminKey,
        XROUTER_JWT_SECRETS: `one:${randomBytes(32).toString("base64")}`,
        XROUTER_SANDBOX: "true",
        OPENAI_BASE_URL: `${upstream.url}/v1`
      }
      const start = Effect.map(startProcess(environment), (process) => ({
        process,
        gateway: gatewayAt(process.url, adminKey)
      }))
      const [here, there] = yield* Effect.all([start, start], { concurrency: "unbounded" })
      const context = yield* Layer.build(layerUrls([Redacted.make(server.url)], { patienceMillis: 10_000 }))
      return { here, there, redis: Context.get(context, Redis.Redis), upstream }
    })
  )
}

const endless = Scripted.steps(
  Scripted.sseHead,
  Scripted.frame({
    id: "x",
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta: { role: "assistant", content: "A" }, finish_reason: null }]
  }),
  Scripted.hang
)

const isDegraded = ({ headers }: Answer) => headers.get("x-xrouter-degraded") !== null

layer(Fleet.layer, { excludeTestServices: true, timeout: "60 seconds" })("two instances with one Redis", (it) => {
  it.effect.each([
    [1, 100],
    [5, 50],
    [20, 20],
    [100, 5]
  ] as const)(
    "admit exactly the limit of %i, of four times as many calls at once over both, %i times",
    ([limit, rounds]) =>
      Effect.gen(function* () {
        const { here, there } = yield* Fleet
        let repeated = 0
        for (let round = 0; round < rounds; round += 1) {
          const key = yield* here.gateway.makeKey({ limits: { rpm: limit } })
          const answers = yield* Effect.all(
            Array.from({ length: 4 * limit }, (_, index) => (index % 2 === 0 ? here : there).gateway.chat(key, hello)),
            { concurrency: "unbounded" }
          )
          // A machine that is too busy for Redis to answer in time is what other tests are about.
          if (answers.some(isDegraded) && (repeated += 1) <= rounds + 10) {
            round -= 1
            continue
          }
          const counts = Map.groupBy(answers, ({ status }) => status)
          assert.deepStrictEqual([...counts.keys()].toSorted(), [200, 429])
          assert.strictEqual(counts.get(200)?.length, limit, `round ${round}`)
        }
      }),
    120_000
  )

  it.effect("free the places of one that is killed with 20 open streams within 30 s, and of no other", () =>
    Effect.gen(function* () {
      const { here, redis, there, upstream } = yield* Fleet
      const key = yield* here.gateway.makeKey({ limits: { concurrency: 21 } })
      const open = ({ process }: Instance) =>
        Effect.promise(() =>
          fetch(`${process.url}/v1/chat/completions`, {
            method: "POST",
            headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
            body: JSON.stringify({ ...hello, model: "openai/any", stream: true })
          })
        )
      const survivor = yield* open(there)
      const lost = yield* Effect.forEach(
        Array.from({ length: 20 }, () => here),
        open,
        { concurrency: "unbounded" }
      )
      const ask = there.gateway.chat(key, hello)
      assert.strictEqual((yield* ask).json.error.details.reason, "concurrency")

      yield* here.process.kill
      yield* Effect.forEach(upstream.requests.slice(-20), ({ abandoned }) => abandoned)
      for (const response of lost) yield* Effect.flip(Effect.tryPromise(() => response.text()))
      const named = yield* redis.send<ReadonlyArray<string>>("keys", "*:leases")
      const leases = named.find((name) => !name.includes("{probe}")) ?? assert.fail(`none of the key: ${named}`)
      const ids = redis.send<ReadonlyArray<string>>("zrange", leases, "0", "-1")
      const own = survivor.headers.get("x-request-id") ?? assert.fail("no request id")
      const ofTheDead = (yield* ids).filter((id) => id !== own)
      assert.lengthOf(ofTheDead, 20)
      const [seconds, micros] = yield* redis.send<ReadonlyArray<string>>("time")
      for (const id of ofTheDead) {
        const end = Number(yield* redis.send<string>("zscore", leases, id))
        assert.isAtMost(end - (Number(seconds) * 1000 + Number(micros) / 1000), 30_000)
        // Redis' clock goes as it goes: what it will show in 30 s is taken from the end of the lease.
        yield* redis.send("zincrby", leases, "-30000", id)
      }
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => ask),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        Array(20).fill(200)
      )
      yield* eventually(Effect.map(ids, (left) => left.join() === own))
      yield* Effect.promise(() => survivor.body?.cancel() ?? Promise.resolve())
    })
  )
})
