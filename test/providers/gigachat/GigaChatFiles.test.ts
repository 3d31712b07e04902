import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Latch, Logger, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import { Busy } from "../../../src/providers/Busy.ts"
import { make } from "../../../src/providers/gigachat/GigaChat.ts"
import type { Provider } from "../../../src/providers/Provider.ts"
import { eventually } from "../../support/Eventually.ts"
import * as GigaChat from "../../support/GigaChatUpstream.ts"
import { dataUrl, imagePart, png } from "../../support/Images.ts"
import { eventLoopTurns } from "../../support/Loopback.ts"
import * as Scripted from "../../support/ScriptedUpstream.ts"
import { gigaChatSettings } from "../../support/Upstreams.ts"

const timeouts = { connect: Duration.seconds(5), idle: Duration.seconds(60) }

const setUp = Effect.gen(function* () {
  const server = yield* GigaChat.make()
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const provider = yield* Scope.provide(make("gigachat", gigaChatSettings(server), timeouts), scope)
  const uploads = () => server.requests.filter(({ path }) => path === "/api/v1/files")
  return { server, provider, scope, uploads }
})

const dot = dataUrl(png())

const call = (provider: Provider, images = 1, fields: Partial<ChatRequest> = {}) =>
  provider.prepare({
    requestId: "req_1",
    model: "GigaChat-2-Max",
    request: {
      model: "gigachat-max",
      messages: [{ role: "user", content: Array.from({ length: images }, () => imagePart(dot)) }],
      ...fields
    }
  })

const ask = (...args: Parameters<typeof call>) =>
  Effect.flatMap(call(...args), ({ events }) => Stream.runCollect(events))

const gone = ({ files }: GigaChat.GigaChatUpstream) => eventually(Effect.sync(() => files.size === 0))

const refused = Scripted.json(500, { status: 500, message: "Internal Server Error" })

/** Of the next images, as many as may be on their way at a time. */
const holdEight = (server: GigaChat.GigaChatUpstream, latch: Latch.Latch) => {
  for (let count = 0; count < 8; count++) {
    const id = `held-${count}`
    server.nextUpload(Scripted.steps(Scripted.wait(latch), Scripted.json(200, { id })))
    server.nextDelete(Scripted.json(200, { id, deleted: true }))
  }
}

describe("GigaChat's files", () => {
  it.effect("are uploaded with a token that is renewed where it has run out", () =>
    Effect.gen(function* () {
      const { provider, server, uploads } = yield* setUp
      yield* ask(provider)
      server.expireTokens()
      yield* ask(provider)
      assert.strictEqual(server.tokens().length, 2)
      assert.strictEqual(server.uploaded.length, 2)
      assert.strictEqual(uploads().length, 3)
      yield* gone(server)
    })
  )

  it.effect("are those of v1 where the chat is of v2", () =>
    Effect.gen(function* () {
      const server = yield* GigaChat.make()
      const settings = { ...gigaChatSettings(server), baseUrl: server.baseUrlV2 }
      yield* ask(yield* make("gigachat", settings, timeouts))
      const [file] = server.uploaded
      assert.deepInclude(server.chatsV2()[0]?.body, {
        messages: [{ role: "user", content: [{ files: [{ id: file?.id }] }] }]
      })
      yield* gone(server)
    })
  )

  it.effect("are nothing to a call before it is made", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp
      yield* call(provider)
      assert.strictEqual(server.requests.length, 0)
    })
  )

  it.effect("go where one of several is not taken in, and nothing is asked of the model", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp
      const latch = yield* Latch.make()
      server.nextUpload(Scripted.steps(Scripted.wait(latch), refused))
      const asking = yield* Effect.forkChild(Effect.flip(ask(provider, 4)))
      yield* eventually(Effect.sync(() => server.uploaded.length === 3))
      yield* latch.open
      const failure = yield* Fiber.join(asking)
      assert.deepInclude(failure, { _tag: "ProviderError", reason: "provider_failed", upstreamStatus: 500 })
      assert.strictEqual(failure.message, "An image could not be uploaded: gigachat failed with status 500")
      yield* gone(server)
      assert.strictEqual(server.chats().length, 0)
    })
  )

  it.effect("go where the model's answer fails, streamed or not", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp
      for (const stream of [false, true]) {
        server.next(refused)
        assert.strictEqual((yield* Effect.flip(ask(provider, 2, { stream })))._tag, "ProviderError")
      }
      assert.strictEqual(server.uploaded.length, 4)
      yield* gone(server)
    })
  )

  it.effect("need an id, and a minute at most", () =>
    Effect.gen(function* () {
      const { provider, server, uploads } = yield* setUp
      server.nextUpload(Scripted.json(200, { object: "file" }))
      assert.deepInclude(yield* Effect.flip(ask(provider)), {
        reason: "provider_invalid_answer",
        message: "An image could not be uploaded: gigachat took a file and did not tell its id"
      })
      server.nextUpload(Scripted.hang)
      const asking = yield* Effect.forkChild(Effect.flip(ask(provider)))
      yield* eventually(Effect.sync(() => uploads().length === 2))
      yield* TestClock.adjust(Duration.minutes(1))
      assert.deepInclude(yield* Fiber.join(asking), {
        reason: "provider_timeout",
        message: "gigachat took no image within 1m"
      })
      yield* uploads()[1]?.abandoned ?? Effect.die("no upload")
    })
  )

  it.effect("are on their way eight at a time, however many are wanted", () =>
    Effect.gen(function* () {
      const { provider, server, uploads } = yield* setUp
      const latch = yield* Latch.make()
      holdEight(server, latch)
      const asking = yield* Effect.forkChild(
        Effect.all([Effect.exit(ask(provider, 6)), Effect.exit(ask(provider, 6))], { concurrency: 2 })
      )
      yield* eventually(Effect.sync(() => uploads().length === 8))
      yield* eventLoopTurns
      assert.strictEqual(uploads().length, 8)
      yield* latch.open
      yield* Fiber.join(asking)
      assert.strictEqual(uploads().length, 12)
    })
  )

  it.effect("wait half a minute for a place, and hold none after that", () =>
    Effect.gen(function* () {
      const { provider, server, uploads } = yield* setUp
      const latch = yield* Latch.make()
      holdEight(server, latch)
      const holding = yield* Effect.forkChild(Effect.exit(ask(provider, 8)))
      yield* eventually(Effect.sync(() => uploads().length === 8))
      const waiting = yield* Effect.forkChild(Effect.flip(ask(provider)))
      yield* eventLoopTurns
      yield* TestClock.adjust(Duration.seconds(30))
      const busy = yield* Fiber.join(waiting)
      assert.instanceOf(busy, Busy)
      assert.deepInclude(busy, { _tag: "RateLimitError", reason: "provider_rate_limit", retryAfterMillis: 1000 })
      yield* latch.open
      yield* Fiber.join(holding)
      // Of as many places as before.
      yield* ask(provider, 8)
      assert.strictEqual(uploads().length, 16)
      yield* gone(server)
    })
  )

  it.effect("have their places until they are through, even if nobody waits for them any more", () =>
    Effect.gen(function* () {
      const { provider, server, uploads } = yield* setUp
      const latch = yield* Latch.make()
      const ids = Array.from({ length: 8 }, (_, count) => `late-${count}`)
      for (const id of ids) {
        server.nextUpload(Scripted.steps(Scripted.wait(latch), Scripted.json(200, { id })))
        server.nextDelete(Scripted.json(200, { id, deleted: true }))
      }
      const leaving = yield* Effect.forkChild(ask(provider, 8))
      yield* eventually(Effect.sync(() => uploads().length === 8))
      yield* Fiber.interrupt(leaving)
      const asking = yield* Effect.forkChild(ask(provider))
      yield* eventLoopTurns
      assert.strictEqual(uploads().length, 8)
      yield* latch.open
      yield* Fiber.join(asking)
      yield* eventually(
        Effect.sync(() => ids.every((id) => server.requests.some(({ path }) => path === `/api/v1/files/${id}/delete`)))
      )
    })
  )

  it.effect("that stay are told of in the log, by their id and the request's, without what is in them", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp
      const lines: Array<string> = []
      const logger = Logger.make(({ fiber, message }) => {
        lines.push(JSON.stringify([message, fiber.getRef(References.CurrentLogAnnotations)]))
      })
      server.nextDelete(Scripted.json(500, { status: 500, message: "No" }))
      yield* ask(provider).pipe(Effect.provide(Logger.layer([logger])))
      yield* eventually(Effect.sync(() => lines.length > 0))
      const [id = ""] = server.files.keys()
      assert.include(lines[0], `An image stays in the account of gigachat as file ${id}`)
      assert.include(lines[0], "req_1")
      assert.notInclude(lines[0], dot.slice(-20))
    })
  )

  it.effect("are deleted before a gateway that stops lets go of its connections", () =>
    Effect.gen(function* () {
      const { provider, scope, server } = yield* setUp
      const latch = yield* Latch.make()
      server.nextUpload(Scripted.steps(Scripted.wait(latch), Scripted.json(200, { id: "late" })))
      const deleted = yield* Latch.make()
      server.nextDelete(Scripted.steps(Scripted.tell(deleted), Scripted.json(200, { id: "late", deleted: true })))
      const asking = yield* Effect.forkChild(ask(provider))
      yield* eventually(Effect.sync(() => server.requests.some(({ path }) => path === "/api/v1/files")))
      yield* Fiber.interrupt(asking)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* latch.open
      yield* deleted.await
      yield* Fiber.join(closing)
      assert.strictEqual(server.requests.at(-1)?.path, "/api/v1/files/late/delete")
    })
  )

  it.effect("do not keep a gateway from stopping where GigaChat says nothing", () =>
    Effect.gen(function* () {
      const { provider, scope, server } = yield* setUp
      const latch = yield* Latch.make()
      server.nextDelete(Scripted.steps(Scripted.tell(latch), Scripted.hang))
      yield* ask(provider)
      yield* latch.await
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust(Duration.seconds(5))
      yield* Fiber.join(closing)
    })
  )
})
