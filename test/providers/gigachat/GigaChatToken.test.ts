import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Latch, Logger, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { make as makeToken } from "../../../src/providers/gigachat/GigaChatToken.ts"
import { make as connect } from "../../../src/providers/Upstream.ts"
import * as GigaChat from "../../support/GigaChatUpstream.ts"
import { eventLoopTurns } from "../../support/Loopback.ts"
import { json, reset, steps, wait } from "../../support/ScriptedUpstream.ts"

const now = 1_790_000_000_000

/** Credentials of a token endpoint that behaves like Sber's, on a day of 2026. */
const setUp = Effect.fnUntraced(function* (
  options: GigaChat.GigaChatUpstreamOptions = {},
  own: { readonly scope?: string; readonly key?: Redacted.Redacted } = {}
) {
  yield* TestClock.setTime(now)
  const server = yield* GigaChat.make(options)
  const upstream = yield* connect({
    provider: "gigachat",
    baseUrl: server.authUrl,
    connectTimeout: Duration.seconds(5),
    idleTimeout: Duration.seconds(5)
  })
  const credentials = yield* makeToken({
    provider: "gigachat",
    upstream,
    key: own.key ?? server.credentials,
    scope: own.scope ?? server.scope
  })
  return { server, credentials, asked: () => server.tokens().length }
})

const inFuture = (minutes: number) => TestClock.setTime(now + minutes * 60_000)

describe("An access token of GigaChat", () => {
  it.effect("is asked for as the endpoint wants it, with a fresh RqUID each time", () =>
    Effect.gen(function* () {
      const { credentials, server } = yield* setUp()
      const first = yield* credentials.headers
      assert.match(first["authorization"] ?? "", /^Bearer eyJ/)
      yield* credentials.refused(first)
      const second = yield* credentials.headers
      assert.notDeepEqual(second, first)
      const ids = server.tokens().map(({ headers }) => headers["rquid"])
      assert.strictEqual(new Set(ids).size, 2)
      const [request] = server.tokens()
      assert.strictEqual(request?.text, "scope=GIGACHAT_API_PERS")
      assert.strictEqual(request?.headers.authorization, `Basic ${Redacted.value(server.credentials)}`)
      assert.strictEqual(request?.headers.accept, "application/json")
    })
  )

  it.effect("is asked for once, however many want it at a time", () =>
    Effect.gen(function* () {
      const { asked, credentials } = yield* setUp()
      const all = yield* Effect.all(
        Array.from({ length: 50 }, () => credentials.headers),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(all.map(({ authorization }) => authorization)).size, 1)
      assert.strictEqual(asked(), 1)
    })
  )

  it.effect("still comes for the others when the one who asked first leaves", () =>
    Effect.gen(function* () {
      const { asked, credentials, server } = yield* setUp()
      const held = yield* Latch.make()
      server.nextToken(steps(wait(held), json(200, { access_token: "eyJ.held", expires_at: now + 1_800_000 })))
      const first = yield* Effect.forkChild(credentials.headers)
      yield* server.take
      const second = yield* Effect.forkChild(credentials.headers, { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* held.open
      assert.deepStrictEqual(yield* Fiber.join(second), { authorization: "Bearer eyJ.held" })
      assert.strictEqual(asked(), 1)
    })
  )

  it.effect("serves until a minute before its end, and then on, while the next one is fetched behind it", () =>
    Effect.gen(function* () {
      const { asked, credentials, server } = yield* setUp()
      const first = yield* credentials.headers
      yield* server.take
      yield* inFuture(28.9)
      assert.deepStrictEqual(yield* credentials.headers, first)
      assert.strictEqual(asked(), 1)

      yield* inFuture(29)
      const held = yield* Latch.make()
      server.nextToken(steps(wait(held), json(200, { access_token: "eyJ.next", expires_at: now + 3_600_000 })))
      for (let call = 0; call < 5; call++) assert.deepStrictEqual(yield* credentials.headers, first)
      yield* server.take
      yield* held.open
      const renewed = credentials.headers.pipe(
        Effect.tap(() => Effect.yieldNow),
        Effect.repeat({ until: ({ authorization }) => authorization === "Bearer eyJ.next" })
      )
      yield* renewed
      assert.strictEqual(asked(), 2)
    })
  )

  it.effect("that has ended serves nobody: all wait for the next one", () =>
    Effect.gen(function* () {
      const { asked, credentials } = yield* setUp()
      const first = yield* credentials.headers
      yield* inFuture(30)
      assert.notDeepEqual(yield* credentials.headers, first)
      assert.strictEqual(asked(), 2)
    })
  )

  for (const [unit, tokenBody] of [
    ["in seconds", (access_token: string, end: number) => ({ access_token, expires_at: end / 1000 })],
    ["as exp, beside tok", (tok: string, end: number) => ({ tok, exp: end / 1000 })]
  ] as const) {
    it.effect(`may tell its end ${unit}`, () =>
      Effect.gen(function* () {
        const { asked, credentials } = yield* setUp({ tokenBody })
        yield* credentials.headers
        yield* inFuture(28)
        yield* credentials.headers
        assert.strictEqual(asked(), 1)
        yield* inFuture(30)
        yield* credentials.headers
        assert.strictEqual(asked(), 2)
      })
    )
  }

  it.effect("is trusted for a while though a wrong clock takes it for an old one", () =>
    Effect.gen(function* () {
      const { asked, credentials } = yield* setUp({
        tokenBody: (access_token) => ({ access_token, expires_at: now - 1 })
      })
      for (let call = 0; call < 20; call++) yield* credentials.headers
      assert.strictEqual(asked(), 1)
    })
  )

  it.effect("that the API refused is dropped once, by whoever is the first to tell", () =>
    Effect.gen(function* () {
      const { asked, credentials } = yield* setUp()
      const first = yield* credentials.headers
      assert.isTrue(yield* credentials.refused(first))
      const second = yield* credentials.headers
      assert.isTrue(yield* credentials.refused(first))
      assert.deepStrictEqual(yield* credentials.headers, second)
      assert.strictEqual(asked(), 2)
    })
  )

  it.effect("is no longer fetched when its provider is closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { credentials, server } = yield* Scope.provide(setUp(), scope)
      server.nextToken(({ request }) => request.abandoned)
      const waiting = yield* Effect.forkChild(Effect.exit(credentials.headers))
      const asked = yield* server.take
      yield* Scope.close(scope, Exit.void)
      yield* asked.abandoned
      assert.isTrue(Exit.isFailure(yield* Fiber.join(waiting)))
    })
  )
})

describe("A token endpoint that gives none", () => {
  const faults: ReadonlyArray<
    readonly [string, { readonly scope?: string; readonly key?: Redacted.Redacted }, RegExp]
  > = [
    ["of a wrong key", { key: Redacted.make("bm90OnRoZSBrZXk=") }, /set GIGACHAT_CREDENTIALS/],
    [
      "of another key's scope",
      { scope: "GIGACHAT_API_CORP" },
      /GIGACHAT_API_CORP does not belong .* set GIGACHAT_SCOPE/
    ],
    ["of a malformed scope", { scope: "chat" }, /"chat": set GIGACHAT_SCOPE/],
    ["of an empty scope", { scope: "" }, /set GIGACHAT_SCOPE/]
  ]
  for (const [name, own, message] of faults) {
    it.effect(`because ${name} tells the operator what to set, logs it once and is not asked again at once`, () =>
      Effect.gen(function* () {
        const lines: Array<unknown> = []
        const logger = Logger.make(({ message }) => void lines.push(message))
        const { asked, credentials } = yield* setUp({}, own)
        const ask = Effect.provide(Effect.flip(credentials.headers), Logger.layer([logger]))
        const errors = yield* Effect.all(
          Array.from({ length: 20 }, () => ask),
          { concurrency: 5 }
        )
        for (const error of errors) {
          assert.strictEqual(error.reason, "provider_rejected_credentials")
          assert.match(error.message, message)
          assert.isFalse(error.isRetryable)
        }
        assert.strictEqual(asked(), 1)
        yield* TestClock.adjust("2 seconds")
        yield* ask
        assert.strictEqual(asked(), 2)
        assert.strictEqual(lines.length, 1)
      })
    )
  }

  it.effect("because it cannot be reached is asked again by the next caller", () =>
    Effect.gen(function* () {
      const { asked, credentials, server } = yield* setUp()
      server.nextToken(reset)
      const error = yield* Effect.flip(credentials.headers)
      assert.strictEqual(error.reason, "provider_unavailable")
      assert.match(error.message, /^No access token: /)
      assert.match((yield* credentials.headers)["authorization"] ?? "", /^Bearer /)
      assert.strictEqual(asked(), 2)
    })
  )

  it.effect("because we ask too often is left alone for as long as it says", () =>
    Effect.gen(function* () {
      const { asked, credentials, server } = yield* setUp()
      server.nextToken(json(429, { code: 429, message: "Too many requests" }, { "retry-after": "5" }))
      const error = yield* Effect.flip(credentials.headers)
      assert.deepInclude(error, { reason: "provider_unavailable", upstreamStatus: 429, retryAfterMillis: 5000 })
      yield* TestClock.adjust("4 seconds")
      yield* Effect.flip(credentials.headers)
      assert.strictEqual(asked(), 1)
      yield* TestClock.adjust("1 second")
      yield* credentials.headers
      assert.strictEqual(asked(), 2)
    })
  )

  it.effect("does no harm while the old token is good", () =>
    Effect.gen(function* () {
      const { asked, credentials, server } = yield* setUp()
      const first = yield* credentials.headers
      yield* server.take
      yield* inFuture(29)
      server.nextToken(json(503, {}))
      assert.deepStrictEqual(yield* credentials.headers, first)
      yield* server.take
      yield* eventLoopTurns
      for (let call = 0; call < 20; call++) assert.deepStrictEqual(yield* credentials.headers, first)
      yield* eventLoopTurns
      assert.strictEqual(asked(), 2)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* credentials.headers, first)
      yield* server.take
      assert.strictEqual(asked(), 3)
    })
  )

  for (const [name, step, reason] of [
    ["fails", json(500, { message: "oops" }), "provider_unavailable"],
    ["answers without a token", json(200, { ok: true }), "provider_invalid_answer"],
    ["is another page", json(404, {}), "provider_invalid_answer"],
    ["refuses for an unknown reason", json(401, {}), "provider_rejected_credentials"]
  ] as const) {
    it.effect(`because it ${name} is ${reason}`, () =>
      Effect.gen(function* () {
        const { credentials, server } = yield* setUp()
        server.nextToken(step)
        assert.strictEqual((yield* Effect.flip(credentials.headers)).reason, reason)
      })
    )
  }

  it.effect("has its words told without our key", () =>
    Effect.gen(function* () {
      const { credentials, server } = yield* setUp()
      const key = Redacted.value(server.credentials)
      server.nextToken(json(401, { code: 6, message: `credentials ${key} do not match` }))
      const error = yield* Effect.flip(credentials.headers)
      assert.notInclude(JSON.stringify(error), key)
      assert.include(error.upstreamMessage ?? "", "do not match")
    })
  )
})
