import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Redacted } from "effect"
import { generateKey } from "../../src/auth/ApiKey.ts"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { elapsed } from "../support/Elapsed.ts"
import { eventually } from "../support/Eventually.ts"
import { hello, startGateway, type TestGateway } from "../support/Gateway.ts"
import { heldUpstream, wholeHeldStream } from "../support/HeldUpstream.ts"
import { type PostgresServer, startPostgres } from "../support/Postgres.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { assertUnavailable, statusOf } from "./databaseAway.ts"

interface Subject {
  readonly server: PostgresServer
  readonly gateway: TestGateway
}

const gatewayOn = (server: PostgresServer, settings: Partial<SettingsValue> = {}) =>
  Effect.map(startGateway({ databaseUrl: Redacted.make(server.url("postgres")), ...settings }), (gateway): Subject => ({
    server,
    gateway
  }))

const assertRefusesOthers = Effect.fnUntraced(function* ({ gateway }: Subject, others: ReadonlyArray<string>) {
  for (const other of [...others, generateKey("pro")]) {
    const [answer, millis] = yield* elapsed(gateway.chat(other, hello))
    assertUnavailable(answer)
    assert.isBelow(millis, 1500)
  }
  // What is refused without a look-up is refused as ever.
  assert.strictEqual((yield* gateway.chat("xr-pro-mistyped", hello)).status, 401)
  const [answers, millis] = yield* elapsed(
    Effect.all(
      [
        gateway.admin("GET", "/users"),
        gateway.admin("POST", "/users", { email: "new@example.org" }),
        gateway.admin("GET", "/keys"),
        gateway.admin("DELETE", "/keys/key_01234567890123456789012345")
      ],
      { concurrency: "unbounded" }
    )
  )
  for (const answer of answers) assertUnavailable(answer)
  assert.isBelow(millis, 4000)
})

/** All of it is there again, within the time that is promised. */
const assertRecovers = Effect.fnUntraced(function* ({ gateway }: Subject, others: ReadonlyArray<string>) {
  const [, millis] = yield* elapsed(
    eventually(
      Effect.gen(function* () {
        const answers = yield* Effect.forEach(others, (other) => gateway.chat(other, hello), { concurrency: 4 })
        for (const { status, text } of answers) assert.include([200, 503], status, text)
        const isUp = (yield* statusOf(gateway, "/health/ready")) === "200 up"
        return isUp && answers.every(({ status }) => status === 200)
      })
    )
  )
  assert.isBelow(millis, 3000)
  assert.strictEqual((yield* gateway.chat(generateKey("pro"), hello)).status, 401)
  assert.strictEqual((yield* gateway.chat(yield* gateway.makeKey(), hello)).status, 200)
  assert.strictEqual(yield* statusOf(gateway, "/health"), "200 up")
})

/** A caller who asks again and again, and what it was answered. */
const caller = Effect.fnUntraced(function* (gateway: TestGateway, key: string) {
  const statuses: Array<number> = []
  const slowest = { millis: 0 }
  const fiber = yield* Effect.forkScoped(
    Effect.forever(
      Effect.gen(function* () {
        const [{ status }, millis] = yield* elapsed(gateway.chat(key, hello))
        statuses.push(status)
        slowest.millis = Math.max(slowest.millis, millis)
      })
    )
  )
  const stop = Effect.gen(function* () {
    const before = statuses.length
    yield* eventually(Effect.sync(() => statuses.length > before + 5))
    yield* Fiber.interrupt(fiber)
    return { statuses: [...new Set(statuses)], slowest: slowest.millis }
  })
  return { stop }
})

const outages = [
  ["killed", { begin: (server: PostgresServer) => server.kill, end: (server: PostgresServer) => server.restart }],
  [
    "stopped (SIGSTOP)",
    { begin: (server: PostgresServer) => server.pause, end: (server: PostgresServer) => server.resume }
  ]
] as const

for (const [what, { begin, end }] of outages) {
  describe(`PostgreSQL ${what}`, () => {
    it.live(
      "at the start keeps nothing from starting: it lives, is not ready, and is whole within 3 s of the server",
      () =>
        Effect.gen(function* () {
          const server = yield* startPostgres
          yield* begin(server)
          const [subject, millis] = yield* elapsed(gatewayOn(server))
          assert.isBelow(millis, 8000)
          const { gateway } = subject
          assert.strictEqual((yield* gateway.request("/health/live")).status, 200)
          assertUnavailable(yield* gateway.request("/health/ready"))
          assert.strictEqual(yield* statusOf(gateway, "/health"), "503 down")
          yield* assertRefusesOthers(subject, [])
          yield* end(server)
          yield* assertRecovers(subject, [])
        }).pipe(Effect.scoped)
    )

    it.live("serves who is known without a fault, refuses others with 503 and never 401, and recovers within 3 s", () =>
      Effect.gen(function* () {
        const server = yield* startPostgres
        const subject = yield* gatewayOn(server)
        const { gateway } = subject
        const [known, ...others] = yield* Effect.replicateEffect(gateway.makeKey(), 3)
        if (known === undefined) return assert.fail()
        assert.strictEqual((yield* gateway.chat(known, hello)).status, 200)
        const { stop } = yield* caller(gateway, known)
        yield* begin(server)
        yield* eventually(Effect.map(statusOf(gateway, "/health/ready"), (status) => status === "200 degraded"))
        yield* assertRefusesOthers(subject, others)
        // A probe is answered in time, however the server is away.
        const [health, millis] = yield* elapsed(gateway.request("/health"))
        assert.isBelow(millis, 1000)
        assert.strictEqual(health.status, 200)
        assert.strictEqual(health.json.components.database, "down")
        yield* end(server)
        yield* assertRecovers(subject, others)
        const { slowest, statuses } = yield* stop
        assert.deepStrictEqual(statuses, [200])
        assert.isBelow(slowest, 1000)
      }).pipe(Effect.scoped)
    )

    it.live(
      "for longer than keys are remembered leaves nobody served and the instance not ready, still without a 401",
      () =>
        Effect.gen(function* () {
          const server = yield* startPostgres
          const subject = yield* gatewayOn(server, { keyCacheTtl: Duration.seconds(2) })
          const { gateway } = subject
          const key = yield* gateway.makeKey()
          assert.strictEqual((yield* gateway.chat(key, hello)).status, 200)
          yield* begin(server)
          const startedAt = performance.now()
          yield* eventually(
            Effect.gen(function* () {
              const { status } = yield* gateway.chat(key, hello)
              assert.include([200, 503], status)
              return status === 503
            })
          )
          assert.isBelow(performance.now() - startedAt, 4000)
          assertUnavailable(yield* gateway.chat(key, hello))
          assertUnavailable(yield* gateway.request("/health/ready"))
          assert.strictEqual(yield* statusOf(gateway, "/health"), "503 down")
          assert.strictEqual((yield* gateway.request("/health/live")).status, 200)
          yield* end(server)
          yield* assertRecovers(subject, [key])
        }).pipe(Effect.scoped)
    )

    it.live("does not touch a stream that runs", () =>
      Effect.gen(function* () {
        const upstream = yield* heldUpstream
        const server = yield* startPostgres
        const { gateway } = yield* gatewayOn(server, {
          providers: providers({ openai: openAiSettings(upstream.url), sandbox: { kind: "sandbox" } })
        })
        const key = yield* gateway.makeKey()
        const stream = yield* Effect.forkChild(gateway.chat(key, { ...hello, model: "openai/any", stream: true }), {
          startImmediately: true
        })
        yield* upstream.reached.await
        yield* begin(server)
        yield* eventually(Effect.map(statusOf(gateway, "/health/ready"), (status) => status === "200 degraded"))
        yield* upstream.goOn.open
        const { status, text } = yield* Fiber.join(stream)
        assert.strictEqual(status, 200)
        assert.match(text, wholeHeldStream)
        yield* end(server)
      }).pipe(Effect.scoped)
    )
  })
}

describe("PostgreSQL that comes and goes", () => {
  it.live("leaves nothing behind: ten short outages, and callers are served throughout", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const subject = yield* gatewayOn(server)
      const { gateway } = subject
      const key = yield* gateway.makeKey()
      yield* gateway.chat(key, hello)
      const { stop } = yield* caller(gateway, key)
      for (let turn = 0; turn < 5; turn++) {
        yield* server.kill
        yield* server.restart
        yield* server.pause
        yield* Effect.all(
          Array.from({ length: 20 }, () => gateway.chat(generateKey("pro"), hello)),
          { concurrency: "unbounded" }
        )
        yield* server.resume
      }
      yield* assertRecovers(subject, [key])
      assert.deepStrictEqual((yield* stop).statuses, [200])
    }).pipe(Effect.scoped)
  )
})
