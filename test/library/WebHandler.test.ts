import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Layer, Scope, Stream } from "effect"
import type { WebHandler } from "../../src/gateway/WebHandler.ts"
import { Gateway, Providers } from "../../src/index.ts"
import { Answers, InMemory, MemoryKeys, ScriptedProvider } from "../../src/testing/index.ts"
import { eventually } from "../support/Eventually.ts"

const origin = "https://gateway.example.org"

/** The gateway as a function, over one provider; and a key for it. */
const open = Effect.fnUntraced(function* (script: ScriptedProvider.Script = {}, options: { maxBody?: number } = {}) {
  const provider = ScriptedProvider.make("good", script)
  const services = InMemory.services().pipe(Layer.provide(Providers.layer([provider])))
  const context = yield* Layer.build(services)
  const handle = yield* Effect.provide(Gateway.webHandler(options), context)
  const { key } = yield* Effect.provide(
    Effect.flatMap(MemoryKeys, ({ make }) => make()),
    context
  )
  const chat = (body: unknown, init: RequestInit = {}) =>
    new Request(`${origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "good/one", messages: [{ role: "user", content: "Hello" }], ...Object(body) }),
      ...init
    })
  return { chat, handle, key, provider }
})

const textOf = (handle: WebHandler, request: Request) =>
  Effect.flatMap(handle(request), (response) => Effect.promise(() => response.text()))

/** Words, and then nothing until the latch is open. */
const halting = (latch: Latch.Latch): Answers.Answer =>
  Stream.concat(
    Answers.tells(Answers.started, Answers.text("One ")),
    Stream.fromEffectDrain(latch.await).pipe(
      Stream.concat(Answers.tells(Answers.text("two"), Answers.stop, Answers.finished()))
    )
  )

describe("the gateway as a function from Request to Response", () => {
  it.live("answers as a server does: bodies, errors, headers, statuses without a body", () =>
    Effect.gen(function* () {
      const { chat, handle, key } = yield* open({ answer: Answers.says("Rome.") }, { maxBody: 10_000 })
      const answer = yield* handle(chat({}))
      assert.strictEqual(answer.status, 200)
      assert.match(answer.headers.get("x-request-id") ?? "", /^req_/)
      assert.isNull(answer.headers.get("transfer-encoding"))
      assert.isNull(answer.headers.get("connection"))
      assert.include(yield* Effect.promise(() => answer.text()), `"content":"Rome."`)

      const reasons = yield* Effect.forEach(
        [
          chat({}, { headers: { "content-type": "application/json" } }),
          chat({}, { headers: { authorization: `Bearer ${key}`, "content-type": "text/plain" } }),
          chat({ user: "x".repeat(20_000) }),
          chat({}, { body: "{" }),
          new Request(`${origin}/v1/nothing`),
          new Request(`${origin}/v1/chat/completions`),
          new Request(`${origin}/health/live`, { headers: { "x-large": "x".repeat(20_000) } })
        ],
        Effect.fnUntraced(function* (request) {
          const response = yield* handle(request)
          const body = yield* Effect.promise(() => response.text())
          return [response.status, JSON.parse(body).error.details.reason]
        })
      )
      assert.deepStrictEqual(reasons, [
        [401, "missing_credentials"],
        [415, "unsupported_media_type"],
        [413, "body_too_large"],
        [400, "invalid_json"],
        [404, "not_found"],
        [405, "method_not_allowed"],
        [431, "headers_too_large"]
      ])

      const options = yield* handle(new Request(`${origin}/v1/models`, { method: "OPTIONS" }))
      assert.strictEqual(options.status, 204)
      assert.isNull(options.body)
      const head = yield* handle(new Request(`${origin}/health/live`, { method: "HEAD" }))
      assert.deepStrictEqual([head.status, yield* Effect.promise(() => head.text())], [200, ""])
    }).pipe(Effect.scoped)
  )

  it.live("reads a body that comes in pieces, and serves many at once", () =>
    Effect.gen(function* () {
      const { chat, handle, provider } = yield* open()
      const whole = new TextEncoder().encode(
        JSON.stringify({ model: "good/one", messages: [{ role: "user", content: "x".repeat(300_000) }] })
      )
      const pieces = new ReadableStream({
        start: (controller) => {
          for (let at = 0; at < whole.length; at += 50_000) controller.enqueue(whole.slice(at, at + 50_000))
          controller.close()
        }
      })
      assert.include(yield* textOf(handle, chat({}, { body: pieces, duplex: "half" })), "I am good")
      const answers = yield* Effect.forEach(Array.from({ length: 20 }), () => textOf(handle, chat({})), {
        concurrency: "unbounded"
      })
      assert.isTrue(answers.every((answer) => answer.includes("I am good")))
      assert.lengthOf(provider.sent, 21)
      assert.lengthOf(provider.abandoned, 0)
    }).pipe(Effect.scoped)
  )

  it.live("streams: a piece is there before the next one is made", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const { chat, handle } = yield* open({ answer: halting(latch) })
      const { body } = yield* handle(chat({ stream: true }))
      const reader = body?.getReader()
      const decoder = new TextDecoder()
      let seen = ""
      const next = Effect.promise(() => reader?.read() ?? Promise.resolve(undefined))
      while (!seen.includes("One ")) seen += decoder.decode((yield* next)?.value)
      assert.notInclude(seen, "two")
      yield* latch.open
      for (let piece = yield* next; piece?.done === false; piece = yield* next) seen += decoder.decode(piece.value)
      assert.include(seen, "two")
      assert.match(seen, /data: \[DONE\]\n\n$/)
    }).pipe(Effect.scoped)
  )

  it.live("closes the provider's call when the answer is not wanted any more, or the request is taken back", () =>
    Effect.gen(function* () {
      const { chat, handle, provider } = yield* open({ answer: halting(yield* Latch.make()) })
      const { body } = yield* handle(chat({ stream: true }))
      yield* Effect.promise(() => body?.cancel() ?? Promise.resolve())
      yield* eventually(Effect.sync(() => provider.abandoned.length === 1))

      const controller = new AbortController()
      const asking = yield* Effect.forkChild(handle(chat({}, { signal: controller.signal })))
      yield* eventually(Effect.sync(() => provider.sent.length === 2))
      controller.abort()
      yield* eventually(Effect.sync(() => provider.abandoned.length === 2))
      const failure = yield* Effect.flip(Fiber.join(asking))
      assert.strictEqual(failure._tag, "BrokenOff")
    }).pipe(Effect.scoped)
  )

  it.live("breaks off what runs when its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { chat, handle, provider } = yield* Scope.provide(open({ answer: halting(yield* Latch.make()) }), scope)
      const response = yield* handle(chat({ stream: true }))
      yield* Scope.close(scope, Exit.void)
      const rest = yield* Effect.exit(Effect.tryPromise(() => response.text()))
      assert.isTrue(Exit.isFailure(rest) || !rest.value.includes("[DONE]"))
      assert.lengthOf(provider.abandoned, 1)
    })
  )
})
