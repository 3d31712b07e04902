import { assert, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted } from "effect"
import { setImmediate } from "node:timers/promises"
import { makeAuthority } from "../support/Certificates.ts"
import { eventually } from "../support/Eventually.ts"
import * as GigaChat from "../support/GigaChatUpstream.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { gigaChatSettings, yandexSettings } from "../support/Upstreams.ts"
import * as Yandex from "../support/YandexUpstream.ts"
import { ask, forms, gigaChatModel, gigaChatSays, user, Vendors, yandexModel } from "./edgeCases.ts"

/** Upstreams that are in trouble of their own, beside those of every edge case. */
class Troubled extends Context.Service<
  Troubled,
  {
    /** Tells its tokens' ends in seconds. */
    readonly inSeconds: GigaChat.GigaChatUpstream
    /** Knows another scope than the gateway asks for. */
    readonly otherScope: GigaChat.GigaChatUpstream
    /** Its certificate is a stranger's. */
    readonly stranger: GigaChat.GigaChatUpstream
    /** Has room for one call at a time. */
    readonly narrow: GigaChat.GigaChatUpstream
    /** Knows us by a service account's key. */
    readonly account: Yandex.YandexUpstream
    /** Knows another key. */
    readonly otherAccount: Yandex.YandexUpstream
  }
>()("Troubled") {
  static readonly layer = Layer.effect(
    Troubled,
    Effect.gen(function* () {
      return {
        inSeconds: yield* GigaChat.make({
          tokenBody: (access_token, expiresAt) => ({ access_token, expires_at: Math.floor(expiresAt / 1000) })
        }),
        otherScope: yield* GigaChat.make({ scope: "GIGACHAT_API_CORP" }),
        stranger: yield* GigaChat.make({ tls: makeAuthority("Ministry").issue("gigachat") }),
        narrow: yield* GigaChat.make(),
        account: yield* Yandex.make(),
        otherAccount: yield* Yandex.make()
      }
    })
  )
}

const subject = Layer.unwrap(
  Effect.gen(function* () {
    const { account, inSeconds, narrow, otherAccount, otherScope, stranger } = yield* Troubled
    const auth = { _tag: "ServiceAccountKey", file: yield* account.keyFile } as const
    const refused = Scripted.json(401, { code: 16, message: "The service account key is unknown", details: [] })
    otherAccount.nextToken(refused, refused)
    return Vendors.layer(
      {
        seconds: gigaChatSettings(inSeconds),
        scope: { ...gigaChatSettings(otherScope), scope: "GIGACHAT_API_PERS" },
        tls: {
          ...gigaChatSettings(inSeconds),
          authUrl: stranger.authUrl,
          credentials: Redacted.make("a2V5OnNlY3JldA==")
        },
        narrow: { ...gigaChatSettings(narrow), concurrency: 1 },
        account: { ...yandexSettings(account), auth },
        "other-account": { ...yandexSettings(otherAccount), auth },
        "account-tls": { ...yandexSettings(account), auth, iamUrl: stranger.authUrl }
      },
      { both: alias([gigaChatModel, yandexModel]), other: alias([yandexModel, gigaChatModel]) }
    )
  })
).pipe(Layer.provideMerge(Troubled.layer))

const twenty = Array.from({ length: 20 }, (_, index) => index)

layer(subject, { excludeTestServices: true })("a vendor in trouble", (it) => {
  for (const { as, stream } of forms) {
    it.effect(
      `14. whose tokens end while 20 requests are under way costs one token more and each request one repeat (${as})`,
      () =>
        Effect.gen(function* () {
          const { gigachat } = yield* Vendors
          const { account } = yield* Troubled
          yield* gigaChatSays()
          for (const { end, model, requests, tokens } of [
            {
              model: gigaChatModel,
              requests: gigachat.chats,
              tokens: gigachat.tokens,
              end: gigachat.expireTokens
            },
            {
              model: "account/yandexgpt-lite",
              requests: () => account.completions,
              tokens: () => account.tokenRequests,
              end: account.revokeTokens
            }
          ]) {
            assert.strictEqual((yield* ask(model, { stream })).status, 200)
            const [asked, given] = [requests().length, tokens().length]
            end()
            const all = yield* Effect.forEach(twenty, () => ask(model, { stream }), { concurrency: "unbounded" })
            assert.deepStrictEqual(new Set(all.map(({ status }) => status)), new Set([200]))
            assert.strictEqual(tokens().length, given + 1)
            // Some may have come when the new token was there already.
            assert.isAtMost(requests().length, asked + 40)
            assert.isAbove(requests().length, asked + 20)
          }
        })
    )

    it.effect(
      `14. that will not have our key at all is the gateway's error, told apart from the caller's (${as})`,
      () =>
        Effect.gen(function* () {
          const { otherAccount, otherScope } = yield* Troubled
          const tokens = () => [otherScope.tokens().length, otherAccount.tokenRequests.length] as const
          const [g, y] = tokens()
          for (const [model, what] of [
            ["scope/GigaChat-2", "GIGACHAT_API_PERS"],
            ["other-account/yandexgpt-lite", "other-account"]
          ] as const) {
            const { error, status } = yield* ask(model, { stream })
            assert.deepStrictEqual([status, error.details.reason], [502, "provider_rejected_credentials"])
            assert.include(error.message, what)
          }
          const [gNow, yNow] = tokens()
          assert.isAtMost(gNow, g + 1)
          assert.isAtMost(yNow, y + 1)
          assert.deepStrictEqual([otherScope.chats().length, otherAccount.completions.length], [0, 0])
        })
    )

    it.effect(
      `16. whose token host shows a certificate that we do not trust is an error that says what to set (${as})`,
      () =>
        Effect.gen(function* () {
          for (const model of ["tls/GigaChat-2", "account-tls/yandexgpt-lite"]) {
            const { error, status } = yield* ask(model, { stream })
            assert.deepStrictEqual([status, error.details.reason], [502, "provider_tls"])
            assert.include(error.message, `providers.${model.split("/")[0]}.caBundleFile`)
          }
          assert.lengthOf((yield* Troubled).stranger.requests, 0)
        })
    )

    it.effect(
      `22. that says its error in a 200 before any word has the error's own status, and the next vendor answers (${as})`,
      () =>
        Effect.gen(function* () {
          const { gigachat, vendorSays, yandex } = yield* Vendors
          yield* gigaChatSays()
          const bad = { grpcCode: 3, httpCode: 400, message: "messages: too long" }
          const late = { grpcCode: 13, httpCode: 500, message: "Internal" }
          const page = { "content-type": "text/html" }

          yandex.next(() => Yandex.lines([{ error: bad }]))
          const first = yield* ask(yandexModel, { stream })
          assert.deepStrictEqual([first.status, first.error.type], [400, "invalid_request_error"])
          gigachat.next(Scripted.json(200, { status: 422, message: "Invalid params: wrong" }))
          const second = yield* ask(gigaChatModel, { stream })
          assert.deepStrictEqual([second.status, second.error.type], [400, "invalid_request_error"])
          const told = { error: { message: "Context too long", code: 400 } }
          vendorSays(stream ? Scripted.sse(told) : Scripted.json(200, told))
          assert.strictEqual((yield* ask("vendor/m", { stream })).status, 400)

          yandex.next(() => Yandex.lines([{ error: late }]))
          const third = yield* ask("other", { stream })
          assert.deepStrictEqual([third.status, third.headers.get("x-xrouter-provider")], [200, "gigachat"])
          for (const answer of [
            Scripted.text(200, "<html><title>Технические работы</title></html>", page),
            Scripted.json(200, { status: 500, message: "Internal" })
          ]) {
            gigachat.next(answer)
            const taken = yield* ask("both", { stream })
            assert.deepStrictEqual([taken.status, taken.headers.get("x-xrouter-provider")], [200, "yandexgpt"])
          }
        })
    )

    it.effect(`23. is left at once by a client that leaves: its place is needed (${as})`, () =>
      Effect.gen(function* () {
        const { gateway, gigachat, key, yandex } = yield* Vendors
        for (const { hang, model, requests } of [
          { model: gigaChatModel, requests: gigachat.chats, hang: () => gigachat.next(Scripted.hang) },
          { model: yandexModel, requests: () => yandex.completions, hang: () => yandex.next(() => Scripted.hang) }
        ]) {
          hang()
          const before = requests().length
          const client = yield* Effect.forkChild(gateway.chat(key, { model, stream, messages: [user] }))
          yield* eventually(Effect.sync(() => requests().length > before))
          yield* Fiber.interrupt(client)
          yield* requests().at(-1)?.abandoned ?? assert.fail("it was not asked")
        }
      })
    )

    it.effect(`23. with room for one call at a time has the others wait for theirs (${as})`, () =>
      Effect.gen(function* () {
        const { narrow } = yield* Troubled
        let atOnce = 0
        let most = 0
        const chunk = { choices: [{ delta: { content: "Да" }, message: { content: "Да" }, finish_reason: "stop" }] }
        const counted: Scripted.Step = (exchange) =>
          Effect.gen(function* () {
            most = Math.max(most, ++atOnce)
            yield* Effect.promise(() => setImmediate()).pipe(Effect.repeat({ times: 20 }))
            atOnce--
            yield* (stream ? Scripted.sse(chunk, "[DONE]") : Scripted.json(200, chunk))(exchange)
          })
        for (let i = 0; i < 5; i++) narrow.next(counted)
        const all = yield* Effect.forEach(twenty.slice(0, 5), () => ask("narrow/GigaChat-2", { stream }), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(
          all.map(({ content, status }) => [status, content]),
          all.map(() => [200, "Да"])
        )
        assert.strictEqual(most, 1)
      })
    )
  }

  it.effect("15. that tells the end of a token in seconds is asked for one, not for one a request", () =>
    Effect.gen(function* () {
      const { inSeconds } = yield* Troubled
      for (let i = 0; i < 3; i++) assert.strictEqual((yield* ask("seconds/GigaChat-2")).status, 200)
      assert.lengthOf(inSeconds.tokens(), 1)
      assert.lengthOf(inSeconds.chats(), 3)
    })
  )

  it.effect("22. that says its error in a stream after some words is those words and the error, and no end", () =>
    Effect.gen(function* () {
      const { gigachat, vendorSays, yandex } = yield* Vendors
      const said = { choices: [{ delta: { role: "assistant", content: "Один" }, index: 0 }] }
      gigachat.next(Scripted.sse(said, { status: 500, message: "Internal" }))
      yandex.next(Yandex.breaksAfter("Один", 500, 13, "Internal"))
      vendorSays(Scripted.sse(said, { error: { message: "Provider returned error", code: 502 }, choices: [] }))
      const calls = [gigachat.chats().length, yandex.completions.length] as const
      for (const model of ["both", "other", "vendor/m"]) {
        const { content, error, finish, isDone, status } = yield* ask(model, { stream: true })
        assert.deepStrictEqual([status, content, finish, isDone], [200, "Один", null, false])
        assert.strictEqual(error.code, "provider_error")
      }
      assert.deepStrictEqual([gigachat.chats().length, yandex.completions.length], [calls[0] + 1, calls[1] + 1])
    })
  )

  // Last: a vendor at its quota rests for a while, and others are asked before it.
  for (const { as, stream } of forms) {
    it.effect(
      `23. that is at its quota is asked again after a pause; the second time the caller is told to wait (${as})`,
      () =>
        Effect.gen(function* () {
          const { gigachat, yandex } = yield* Vendors
          yield* gigaChatSays()
          const g = {
            model: gigaChatModel,
            refuse: () => gigachat.next(Scripted.json(429, { status: 429, message: "Too many requests" })),
            asked: () => gigachat.chats().length
          }
          const y = {
            model: yandexModel,
            refuse: () => yandex.next(Yandex.gaugeQuota),
            asked: () => yandex.completions.length
          }
          const [once, twice] = stream ? [y, g] : [g, y]
          const before = [once.asked(), twice.asked()] as const
          once.refuse()
          twice.refuse()
          twice.refuse()
          const [freed, busy] = yield* Effect.all([ask(once.model, { stream }), ask(twice.model, { stream })], {
            concurrency: 2
          })
          assert.strictEqual(freed.status, 200)
          assert.deepStrictEqual([busy.status, busy.error.details.reason], [429, "provider_rate_limit"])
          assert.isAtLeast(Number(busy.headers.get("retry-after")), 1)
          assert.deepStrictEqual([once.asked(), twice.asked()], [before[0] + 2, before[1] + 2])
        })
    )
  }
})
