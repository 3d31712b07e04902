import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Result, Scope, Stream } from "effect"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import { ValidationError } from "../../src/domain/Errors.ts"
import * as Assembly from "../../src/providers/Assembly.ts"
import { type Credentials, fixed } from "../../src/providers/Credentials.ts"
import type { ChatCall, Provider } from "../../src/providers/Provider.ts"
import { sse } from "../../src/providers/SseFraming.ts"
import * as Upstream from "../../src/providers/Upstream.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { call as wholeCall, chunk, dialect } from "./openai/openAiCall.ts"
import { options } from "./upstreamRequests.ts"

const streamCall: ChatCall = { ...wholeCall, request: { ...wholeCall.request, stream: true } }

const assembled = Effect.fnUntraced(function* (
  script: ReadonlyArray<Scripted.Step>,
  parts: Partial<Parameters<typeof Assembly.make<ReturnType<typeof dialect.start>>>[0]> = {}
) {
  const server = yield* Scripted.make(script)
  const upstream = yield* Upstream.make(options(`${server.url}/v1`))
  const provider = Assembly.make({
    name: "openai",
    dialect,
    upstream,
    credentials: fixed({ authorization: "Bearer k1" }),
    framing: sse,
    path: "/chat/completions",
    models: Effect.succeed([]),
    ...parts
  })
  return { server, provider }
})

const events = (provider: Provider, call = streamCall) =>
  Stream.unwrap(Effect.map(provider.prepare(call), (prepared) => prepared.events))

const collected = (provider: Provider, call = streamCall) => Stream.runCollect(events(provider, call))

/** What was told, and how it ended. */
const told = Effect.fnUntraced(function* (provider: Provider, call = streamCall) {
  const seen: Array<ChatEvent["_tag"]> = []
  const failure = yield* Effect.flip(
    Stream.runForEach(events(provider, call), (event) => Effect.sync(() => seen.push(event._tag)))
  )
  return { seen, failure }
})

const answer = { model: "m", choices: [{ index: 0, message: { content: "Да" }, finish_reason: "stop" }] }
const [first, text, stop] = [chunk({ role: "assistant" }), chunk({ content: "Да" }), chunk({}, "stop")]
const [whole, streamed] = [Scripted.json(200, answer), Scripted.sse(first, text, stop, "[DONE]")]
const refused = Scripted.json(401, { error: { message: "expired", code: "invalid_api_key" } })

/** Credentials that are fetched anew as soon as the old ones are refused. */
const renewing = () => {
  let serial = 1
  let refusals = 0
  const credentials: Credentials = {
    headers: Effect.sync(() => ({ authorization: `Bearer k${serial}` })),
    refused: () =>
      Effect.sync(() => {
        serial++
        refusals++
        return true
      })
  }
  return { credentials, refusals: () => refusals }
}

describe("A provider of parts", () => {
  it.effect("sends nothing before its events are pulled", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* assembled([whole])
      const prepared = yield* provider.prepare(wholeCall)
      assert.strictEqual(server.connections(), 0)
      yield* Stream.runDrain(prepared.events)
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("fails without any network where its dialect cannot say the request, and tells what it left out", () =>
    Effect.gen(function* () {
      const error = new ValidationError({ reason: "unsupported_parameter", message: "no", param: "logit_bias" })
      const mute = yield* assembled([], { dialect: { ...dialect, lower: () => Result.fail(error) } })
      assert.strictEqual(yield* Effect.flip(mute.provider.prepare(wholeCall)), error)
      const lossy = yield* assembled([], {
        dialect: { ...dialect, lower: () => Result.succeed({ body: {}, dropped: ["seed"] }) }
      })
      assert.deepStrictEqual((yield* lossy.provider.prepare(wholeCall)).dropped, ["seed"])
    })
  )

  it.effect("sends the lowered body with its own headers, those of the request and those of its credentials", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* assembled([whole, streamed], {
        headers: { "x-client": "xrouter" },
        dialect: {
          ...dialect,
          lower: (call) => Result.map(dialect.lower(call), (lowered) => ({ ...lowered, headers: { "x-session": "s" } }))
        }
      })
      yield* collected(provider, wholeCall)
      yield* collected(provider)
      const [first, second] = server.requests
      assert.strictEqual(first?.path, "/v1/chat/completions")
      assert.deepStrictEqual(first?.body, { ...wholeCall.request, model: "gpt-test" })
      assert.strictEqual(first?.headers["content-type"], "application/json")
      assert.strictEqual(first?.headers.accept, "application/json")
      assert.strictEqual(first?.headers["x-client"], "xrouter")
      assert.strictEqual(first?.headers["x-session"], "s")
      assert.strictEqual(first?.headers.authorization, "Bearer k1")
      assert.strictEqual(second?.headers.accept, "text/event-stream")
    })
  )

  it.effect("tells a whole answer and a stream in the same events", () =>
    Effect.gen(function* () {
      const { provider } = yield* assembled([whole, streamed])
      const tags = (events: ReadonlyArray<ChatEvent>) => events.map((event) => event._tag)
      const expected = ["Started", "TextDelta", "ChoiceFinished", "Finished"]
      assert.deepStrictEqual(tags(yield* collected(provider, wholeCall)), expected)
      assert.deepStrictEqual(tags(yield* collected(provider)), expected)
    })
  )

  it.effect("tells each event of a stream as it comes", () =>
    Effect.gen(function* () {
      const gates = yield* Effect.replicateEffect(Latch.make(), 3)
      const frames = [first, text, chunk({ content: "." }), stop, "[DONE]"]
      const { provider } = yield* assembled([
        Scripted.steps(
          Scripted.sseHead,
          ...frames.flatMap((data, index) => [
            ...(gates[index] ? [Scripted.wait(gates[index])] : []),
            Scripted.frame(data)
          ]),
          Scripted.end
        )
      ])
      let open = 0
      const openNext = Effect.suspend(() => gates[open++]?.open ?? Effect.void)
      yield* openNext
      const seen: Array<string> = []
      // Each event opens the gate of the next one: a reader that waited for two would wait for ever.
      yield* Stream.runForEach(events(provider), (event) => {
        seen.push(event._tag)
        return openNext
      })
      assert.deepStrictEqual(seen, ["Started", "TextDelta", "TextDelta", "ChoiceFinished", "Finished"])
    })
  )

  it.effect("ends with the answer, whether or not the upstream closes its stream", () =>
    Effect.gen(function* () {
      const { provider } = yield* assembled([
        Scripted.steps(Scripted.sseHead, ...[first, text, stop, "[DONE]"].map(Scripted.frame), Scripted.hang)
      ])
      assert.strictEqual((yield* collected(provider)).length, 4)
    })
  )
})

describe("A provider whose credentials are refused", () => {
  for (const [how, call, good] of [
    ["a whole answer", wholeCall, whole],
    ["a stream", streamCall, streamed]
  ] as const) {
    it.effect(`asks for ${how} again, once, with fresh ones`, () =>
      Effect.gen(function* () {
        const { credentials, refusals } = renewing()
        const { provider, server } = yield* assembled([refused, good], { credentials })
        assert.strictEqual((yield* collected(provider, call)).length, 4)
        assert.deepStrictEqual(
          server.requests.map((request) => request.headers.authorization),
          ["Bearer k1", "Bearer k2"]
        )
        assert.deepStrictEqual(server.requests[0]?.body, server.requests[1]?.body)
        assert.strictEqual(refusals(), 1)
      })
    )

    it.effect(`gives up ${how} where the fresh ones are refused too`, () =>
      Effect.gen(function* () {
        const { credentials } = renewing()
        const { provider, server } = yield* assembled([refused, refused], { credentials })
        const { failure } = yield* told(provider, call)
        assert.strictEqual(failure.reason, "provider_rejected_credentials")
        assert.strictEqual(server.requests.length, 2)
      })
    )

    it.effect(`does not ask for ${how} again where there are no others`, () =>
      Effect.gen(function* () {
        const { provider, server } = yield* assembled([refused])
        const { failure } = yield* told(provider, call)
        assert.strictEqual(failure.reason, "provider_rejected_credentials")
        assert.strictEqual(server.requests.length, 1)
      })
    )
  }
})

describe("A provider's stream that is none", () => {
  for (const [what, step, tag, reason] of [
    [
      "a refusal with its status",
      Scripted.json(429, { error: { message: "x" } }, { "retry-after": "3" }),
      "RateLimitError",
      "provider_rate_limit"
    ],
    [
      "an error inside a 200",
      Scripted.json(200, { error: { message: "x", code: 503 } }),
      "ProviderError",
      "provider_unavailable"
    ],
    ["JSON of another kind", Scripted.json(200, { ok: true }), "ProviderError", "provider_invalid_answer"],
    [
      "a page of HTML",
      Scripted.text(200, "<html><title>Login</title></html>", { "content-type": "text/html" }),
      "ProviderError",
      "provider_invalid_answer"
    ],
    ["a redirect", Scripted.text(302, "", { location: "/" }), "ProviderError", "provider_invalid_answer"],
    ["nothing at all", Scripted.steps(Scripted.head(204), Scripted.end), "ProviderError", "provider_invalid_answer"]
  ] as const) {
    it.effect(`is ${reason} where it is ${what}`, () =>
      Effect.gen(function* () {
        const { provider } = yield* assembled([step])
        const { failure, seen } = yield* told(provider)
        assert.strictEqual(failure._tag, tag)
        assert.strictEqual(failure.reason, reason)
        assert.deepStrictEqual(seen, [])
      })
    )
  }

  it.effect("is refused by its status where the refusal's body is cut or never ends", () =>
    Effect.gen(function* () {
      const head = Scripted.head(500, { "content-type": "text/plain" })
      const { provider, server } = yield* assembled([
        Scripted.steps(head, Scripted.write("x"), Scripted.reset),
        Scripted.steps(head, Scripted.write("x".repeat(100_000)), Scripted.hang)
      ])
      assert.strictEqual((yield* told(provider)).failure.reason, "provider_failed")
      yield* server.take
      assert.strictEqual((yield* told(provider)).failure.reason, "provider_failed")
      yield* (yield* server.take).abandoned
    })
  )
})

describe("A provider's stream that breaks", () => {
  it.effect("tells what came before, in the same packet too, and closes the upstream though its reader stays", () =>
    Effect.gen(function* () {
      const packet = [text, { error: { message: "x" } }].map((data) => `data: ${JSON.stringify(data)}\n\n`).join("")
      const { provider, server } = yield* assembled([
        Scripted.steps(Scripted.sseHead, Scripted.frame(first), Scripted.write(packet), Scripted.hang)
      ])
      const scope = yield* Scope.make()
      const pull = yield* Scope.provide(Stream.toPull(events(provider)), scope)
      const seen: Array<string> = []
      const exit = yield* Effect.exit(
        Effect.forever(Effect.tap(pull, (events) => Effect.sync(() => seen.push(...events.map((event) => event._tag)))))
      )
      assert.deepStrictEqual(seen, ["Started", "TextDelta"])
      assert.isTrue(Exit.isFailure(exit))
      yield* (yield* server.take).abandoned
      yield* Scope.close(scope, Exit.void)
    })
  )

  for (const [how, step, reason] of [
    ["is reset", Scripted.reset, "provider_failed"],
    ["ends without an end", Scripted.end, "provider_failed"],
    ["goes on in something else than JSON", Scripted.frame("<html>"), "provider_invalid_answer"],
    [
      "sends one event of more than 4 MiB",
      Scripted.write(`data: ${"x".repeat(5 * 1024 * 1024)}`),
      "provider_invalid_answer"
    ]
  ] as const) {
    it.effect(`fails with ${reason} where it ${how}`, () =>
      Effect.gen(function* () {
        const { provider } = yield* assembled([
          Scripted.steps(Scripted.sseHead, Scripted.frame(first), Scripted.frame(text), step)
        ])
        const { failure, seen } = yield* told(provider)
        assert.strictEqual(failure.reason, reason)
        assert.deepStrictEqual(seen, ["Started", "TextDelta"])
      })
    )
  }

  it.effect("fails where its dialect never says that the answer ended", () =>
    Effect.gen(function* () {
      const { provider } = yield* assembled([Scripted.sse(first)], {
        dialect: { ...dialect, halt: () => Result.succeed([]) }
      })
      assert.strictEqual((yield* told(provider)).failure.reason, "provider_invalid_answer")
    })
  )

  it.effect("closes the upstream as soon as its reader leaves", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* assembled([
        Scripted.steps(Scripted.sseHead, Scripted.frame(first), Scripted.hang),
        Scripted.hang
      ])
      const seen = yield* Latch.make()
      const reading = yield* Effect.forkChild(Stream.runForEach(events(provider), () => seen.open))
      yield* seen.await
      yield* Fiber.interrupt(reading)
      yield* (yield* server.take).abandoned
      const waiting = yield* Effect.forkChild(collected(provider))
      const received = yield* server.take
      yield* Fiber.interrupt(waiting)
      yield* received.abandoned
    })
  )

  it.effect("closes the upstream where its reader has enough", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* assembled([
        Scripted.steps(Scripted.sseHead, Scripted.frame(first), Scripted.hang)
      ])
      yield* Stream.runDrain(Stream.take(events(provider), 1))
      yield* (yield* server.take).abandoned
    })
  )
})
