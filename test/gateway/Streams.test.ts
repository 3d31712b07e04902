import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import { connect } from "node:net"
import { eventually } from "../support/Eventually.ts"
import { startGateway } from "../support/Gateway.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { gigaChatSettings, openAiSettings, providers } from "../support/Upstreams.ts"

const messages = [{ role: "user", content: "Посчитай до трёх" }]
const question = { model: "gigachat", messages, stream: true }

const start = Effect.gen(function* () {
  const upstream = yield* GigaChatUpstream.make()
  const gateway = yield* startGateway({ providers: providers({ gigachat: gigaChatSettings(upstream) }) })
  return { upstream, gateway, key: yield* gateway.makeKey({ limits: { concurrency: 1 } }) }
})

const nextChat = (upstream: GigaChatUpstream.GigaChatUpstream) =>
  upstream.take.pipe(Effect.repeat({ until: ({ path }) => path.endsWith("/chat/completions") }))

const frames = (text: string) => text.split("\n\n").filter((frame) => frame !== "")

describe("a client that leaves", () => {
  const leave = (stream: boolean, moment: "before the answer" | "in its middle") =>
    Effect.gen(function* () {
      const { gateway, key, upstream } = yield* start
      const begin = yield* Latch.make(moment !== "before the answer")
      const proceed = yield* Latch.make()
      upstream.answer({ begin, proceed })
      const client = yield* Effect.forkScoped(gateway.chat(key, { ...question, stream }))
      const call = yield* nextChat(upstream)
      yield* Fiber.interrupt(client)
      yield* call.abandoned
      // Its place is free again.
      upstream.answer({ begin: undefined, proceed: undefined })
      yield* eventually(Effect.map(gateway.chat(key, { ...question, stream: false }), ({ status }) => status === 200))
    }).pipe(Effect.scoped)

  it.live("before the answer closes the upstream (JSON)", () => leave(false, "before the answer"))
  it.live("before the answer closes the upstream (stream)", () => leave(true, "before the answer"))
  it.live("in the middle of a stream closes the upstream", () => leave(true, "in its middle"))

  it.live("by closing its half of the connection only closes the upstream too", () =>
    Effect.gen(function* () {
      const { gateway, key, upstream } = yield* start
      upstream.answer({ proceed: yield* Latch.make() })
      const { hostname, port } = new URL(gateway.url)
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => connect({ host: hostname, port: Number(port), allowHalfOpen: true })),
        (socket) => Effect.sync(() => socket.destroy())
      )
      const body = JSON.stringify(question)
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
      )
      const call = yield* nextChat(upstream)
      socket.end()
      yield* call.abandoned
    }).pipe(Effect.scoped)
  )
})

describe("a stream", () => {
  it.live("that the provider cuts ends in one error frame, without a finish or [DONE]", () =>
    Effect.gen(function* () {
      const { gateway, key, upstream } = yield* start
      for (const cut of ["end", "close"] as const) {
        upstream.answer({ cut })
        const answer = yield* gateway.chat(key, question)
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("content-type"), "text/event-stream; charset=utf-8")
        const all = frames(answer.text)
        const last = JSON.parse(all.at(-1)?.slice("data: ".length) ?? "")
        assert.strictEqual(last.error.code, "provider_error")
        assert.strictEqual(last.error.details.reason, "provider_failed")
        assert.strictEqual(last.error.details.request_id, answer.headers.get("x-request-id"))
        assert.notInclude(answer.text, "[DONE]")
        assert.isTrue(all.slice(0, -1).every((frame) => frame.includes('"finish_reason":null')))
      }
    }).pipe(Effect.scoped)
  )

  it.live("whose provider fails before its first content has that failure's own status", () =>
    Effect.gen(function* () {
      const { gateway, key, upstream } = yield* start
      const internal = Scripted.json(500, { status: 500, message: "Internal" })
      upstream.next(internal)
      upstream.next(internal)
      const answer = yield* gateway.chat(key, question)
      assert.strictEqual(answer.status, 502)
      assert.deepInclude(answer.json.error.details, {
        reason: "provider_failed",
        provider: "gigachat",
        upstream_status: 500
      })
      assert.strictEqual(answer.json.error.details.attempts.length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("sends its 200 with a comment after 15 s of waiting, and another each 15 s", () =>
    Effect.gen(function* () {
      const { gateway, key, upstream } = yield* start
      const begin = yield* Latch.make()
      upstream.answer({ begin })
      const client = yield* Effect.forkScoped(gateway.chat(key, question))
      yield* nextChat(upstream)
      yield* TestClock.adjust("15 seconds")
      yield* TestClock.adjust("15 seconds")
      yield* begin.open
      const { status, text } = yield* Fiber.join(client)
      assert.strictEqual(status, 200)
      assert.strictEqual(frames(text).filter((frame) => frame === ": keep-alive").length, 2)
      assert.isTrue(text.endsWith("data: [DONE]\n\n"))
    }).pipe(Effect.scoped)
  )
})

describe("an alias with a fallback", () => {
  it.live("is served by the next candidate where the first fails, and says by whom", () =>
    Effect.gen(function* () {
      const broken = yield* Scripted.make(() => Scripted.json(503, { error: { message: "overloaded" } }))
      const upstream = yield* GigaChatUpstream.make()
      const gateway = yield* startGateway({
        providers: providers({ gigachat: gigaChatSettings(upstream), openai: openAiSettings(`${broken.url}/v1`) }),
        models: new Map([
          [
            "smart",
            {
              candidates: [{ model: "openai/any", weight: 1 }],
              fallbacks: ["gigachat/GigaChat-2-Pro"],
              strategy: "ordered",
              timeouts: {},
              price: undefined
            }
          ]
        ])
      })
      const key = yield* gateway.makeKey()
      for (const stream of [false, true]) {
        const answer = yield* gateway.chat(key, { model: "smart", messages, stream })
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("x-xrouter-provider"), "gigachat")
        assert.strictEqual(answer.headers.get("x-xrouter-model"), "GigaChat-2-Pro")
      }
    }).pipe(Effect.scoped)
  )
})
