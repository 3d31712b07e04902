import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { issueToken } from "../../../src/providers/gigachat/GigaChatToken.ts"
import * as TokenEndpoint from "../../../src/providers/TokenEndpoint.ts"
import * as TokenKeeper from "../../../src/providers/TokenKeeper.ts"
import * as GigaChat from "../../support/GigaChatUpstream.ts"
import { json } from "../../support/ScriptedUpstream.ts"

const now = 1_790_000_000_000

/** Credentials of a token endpoint that behaves like Sber's, on a day of 2026. */
const setUp = Effect.fnUntraced(function* (
  options: GigaChat.GigaChatUpstreamOptions = {},
  own: { readonly scope?: string; readonly key?: Redacted.Redacted } = {}
) {
  yield* TestClock.setTime(now)
  const server = yield* GigaChat.make(options)
  const endpoint = yield* TokenEndpoint.connect(
    {
      provider: "gigachat",
      baseUrl: server.baseUrl,
      connectTimeout: Duration.seconds(5),
      idleTimeout: Duration.seconds(5)
    },
    server.authUrl
  )
  const credentials = yield* TokenKeeper.make(
    issueToken({
      provider: "gigachat",
      endpoint,
      key: own.key ?? server.credentials,
      scope: own.scope ?? server.scope
    })
  )
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
    it.effect(`because ${name} tells the operator what to set`, () =>
      Effect.gen(function* () {
        const { credentials } = yield* setUp({}, own)
        const error = yield* Effect.flip(credentials.headers)
        assert.strictEqual(error.reason, "provider_rejected_credentials")
        assert.match(error.message, message)
        assert.isFalse(error.isRetryable)
      })
    )
  }

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
