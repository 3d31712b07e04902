import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { EmbeddingCall } from "../../../src/providers/Provider.ts"
import * as OpenAi from "../../../src/providers/openai/OpenAi.ts"
import * as Scripted from "../../support/ScriptedUpstream.ts"
import { openAiSettings } from "../../support/Upstreams.ts"

const timeouts = { connect: Duration.seconds(5), idle: Duration.seconds(60) }

/** What one scripted answer makes of a call, and what was sent for it. */
const asked = Effect.fnUntraced(function* (step: Scripted.Step, call: Partial<EmbeddingCall> = {}) {
  const upstream = yield* Scripted.make([step])
  const { embed } = yield* OpenAi.make("vendor", openAiSettings(upstream.url), timeouts)
  if (embed === undefined) return yield* Effect.die("It embeds nothing")
  const { embeddings } = yield* embed({ requestId: "req_1", model: "m", input: ["a"], ...call })
  return { answer: Effect.map(embeddings, ({ vectors }) => vectors), upstream }
})

const vectors = (...data: ReadonlyArray<unknown>) => Scripted.json(200, { data })
const failureOf = (step: Scripted.Step) => Effect.flatMap(asked(step), ({ answer }) => Effect.flip(answer))

describe("embeddings of an OpenAI-compatible provider", () => {
  it.live("are asked for as numbers, of one text as a string, with the fields that the gateway does not know", () =>
    Effect.gen(function* () {
      const { answer, upstream } = yield* asked(vectors({ index: 0, embedding: [1, 2] }), {
        more: { input_type: "query", model: "other", encoding_format: "base64" }
      })
      assert.deepStrictEqual(yield* answer, [[1, 2]])
      const [request] = upstream.requests
      assert.strictEqual(request?.path, "/embeddings")
      assert.deepStrictEqual(request?.body, {
        input_type: "query",
        model: "m",
        input: "a",
        encoding_format: "float"
      })
    }).pipe(Effect.scoped)
  )

  it.live("are read where the upstream sends base64 nevertheless", () =>
    Effect.gen(function* () {
      const embedding = Buffer.from(new Float32Array([0.5, -2]).buffer).toString("base64")
      const { answer } = yield* asked(vectors({ index: 0, embedding }))
      assert.deepStrictEqual(yield* answer, [[0.5, -2]])
    }).pipe(Effect.scoped)
  )

  it.live("fail where the answer has another number of vectors than there are texts", () =>
    Effect.gen(function* () {
      const failure = yield* failureOf(vectors({ index: 0, embedding: [1] }, { index: 1, embedding: [1] }))
      assert.deepInclude(failure, { _tag: "ProviderError", reason: "provider_invalid_answer" })
      assert.include(failure.message, "vendor answered with 2 vectors for 1 texts")
    }).pipe(Effect.scoped)
  )

  it.live("fail with what the upstream says, by its status or inside a 200", () =>
    Effect.gen(function* () {
      const error = { message: "Rate limit reached", code: "rate_limit_exceeded" }
      for (const status of [429, 200]) {
        const failure = yield* failureOf(Scripted.json(status, { error }))
        assert.deepInclude(failure, { _tag: "RateLimitError", reason: "provider_rate_limit" }, String(status))
      }
      const rejected = yield* failureOf(Scripted.json(401, { error: { message: "Bad key" } }))
      assert.deepInclude(rejected, { _tag: "ProviderError", reason: "provider_rejected_credentials" })
      const page = yield* failureOf(Scripted.text(200, "<html>Welcome</html>"))
      assert.deepInclude(page, { _tag: "ProviderError", reason: "provider_invalid_answer" })
    }).pipe(Effect.scoped)
  )
})
