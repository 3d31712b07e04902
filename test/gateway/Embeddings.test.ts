import { assert, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { AuthenticationError, NotFoundError, PermissionDeniedError, RateLimitError } from "openai"
import { isJsonObject } from "../../src/domain/Json.ts"
import { eventually } from "../support/Eventually.ts"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { thrown } from "../support/Thrown.ts"
import { gigaChatSettings, openAiSettings, providers } from "../support/Upstreams.ts"

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly key: string
    readonly openai: OpenAiUpstream.OpenAiUpstream
    readonly gigachat: GigaChatUpstream.GigaChatUpstream
    /** Answers a request for vectors only when its client has left. */
    readonly silent: Scripted.ScriptedUpstream
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const openai = yield* OpenAiUpstream.make()
      const gigachat = yield* GigaChatUpstream.make()
      const silent = yield* Scripted.make(({ method }) =>
        method === "GET" ? Scripted.json(200, { data: [] }) : Scripted.hang
      )
      const gateway = yield* startGateway({
        providers: providers({
          sandbox: { kind: "sandbox" },
          openai: openAiSettings(openai.baseUrl),
          gigachat: gigaChatSettings(gigachat),
          silent: openAiSettings(silent.url)
        }),
        models: new Map([["vectors", alias(["openai/broken", "gigachat/Embeddings"])]])
      })
      return { gateway, key: yield* gateway.makeKey(), openai, gigachat, silent }
    })
  )
}

const embed = Effect.fnUntraced(function* (body: unknown, key?: string) {
  const subject = yield* Subject
  return yield* subject.gateway.post("/v1/embeddings", key ?? subject.key, body)
})

layer(Subject.layer, { excludeTestServices: true })("POST /v1/embeddings", (it) => {
  it.effect("gives the official SDK, which asks for base64, the numbers that the provider sent", () =>
    Effect.gen(function* () {
      const { gateway, key, openai } = yield* Subject
      const client = gateway.openai(key)
      const { data, response } = yield* Effect.promise(() =>
        client.embeddings
          .create({ model: "openai/text-embedding-test", input: ["one", "three"], dimensions: 4, user: "u-1" })
          .withResponse()
      )
      assert.strictEqual(data.object, "list")
      assert.strictEqual(data.model, "openai/text-embedding-test")
      assert.deepStrictEqual(data.usage, { prompt_tokens: 10, total_tokens: 10 })
      assert.deepStrictEqual(
        data.data.map(({ embedding, index, object }) => ({ object, index, embedding: Array.from(embedding) })),
        [
          { object: "embedding", index: 0, embedding: [3, 0.125, 0.25, 0.375] },
          { object: "embedding", index: 1, embedding: [5, 0.125, 0.25, 0.375] }
        ]
      )
      assert.strictEqual(response.headers.get("x-xrouter-provider"), "openai")
      assert.strictEqual(response.headers.get("x-xrouter-model"), "text-embedding-test")
      assert.deepStrictEqual(openai.requests.at(-1)?.body, {
        model: "text-embedding-test",
        input: ["one", "three"],
        encoding_format: "float",
        dimensions: 4,
        user: "u-1"
      })
    })
  )

  it.effect("writes numbers or little-endian float32 in base64, as the client wishes", () =>
    Effect.gen(function* () {
      const request = { model: "openai/text-embedding-test", input: "four" }
      const plain = yield* embed(request)
      assert.deepStrictEqual(plain.json.data, [{ object: "embedding", index: 0, embedding: [4, 0.125, 0.25] }])
      const float = yield* embed({ ...request, encoding_format: "float" })
      assert.deepStrictEqual(float.json, plain.json)
      const packed = yield* embed({ ...request, encoding_format: "base64" })
      const bytes = Buffer.from(packed.json.data[0].embedding, "base64")
      assert.deepStrictEqual([...bytes], [0, 0, 0x80, 0x40, 0, 0, 0, 0x3e, 0, 0, 0x80, 0x3e])
    })
  )

  it.effect("asks GigaChat in its own words, and adds up the usage of the vectors", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, key } = yield* Subject
      const { data, response } = yield* Effect.promise(() =>
        gateway
          .openai(key)
          .embeddings.create({ model: "gigachat/Embeddings", input: ["раз", "один", "два"], user: "u-1" })
          .withResponse()
      )
      assert.deepStrictEqual(
        data.data.map(({ embedding }) => Array.from(embedding)),
        [
          [3, 0.5],
          [4, 0.5],
          [3, 0.5]
        ]
      )
      assert.deepStrictEqual(data.usage, { prompt_tokens: 9, total_tokens: 9 })
      assert.strictEqual(response.headers.get("x-xrouter-provider"), "gigachat")
      assert.deepStrictEqual(gigachat.embeddings().at(-1)?.body, { model: "Embeddings", input: ["раз", "один", "два"] })
    })
  )

  it.effect("tells what GigaChat cannot carry, and refuses what would change the answer", () =>
    Effect.gen(function* () {
      const { gigachat } = yield* Subject
      const dropped = yield* embed({ model: "gigachat/Embeddings", input: "раз", truncate: "END" })
      assert.strictEqual(dropped.status, 200)
      assert.strictEqual(dropped.headers.get("x-xrouter-dropped-params"), "truncate")
      const before = gigachat.embeddings().length
      const refused = yield* embed({ model: "gigachat/Embeddings", input: "раз", dimensions: 64 })
      assert.strictEqual(refused.status, 400)
      assert.deepInclude(refused.json.error, { code: "validation_error", param: "dimensions" })
      assert.strictEqual(refused.json.error.details.reason, "unsupported_parameter")
      assert.strictEqual(gigachat.embeddings().length, before)
      const unknown = yield* embed({ model: "gigachat/GigaChat-2", input: "раз" })
      assert.strictEqual(unknown.status, 404)
      assert.strictEqual(unknown.json.error.details.reason, "model_not_found")
    })
  )

  it.effect("fetches a fresh token of GigaChat's where the one at hand has ended", () =>
    Effect.gen(function* () {
      const { gigachat } = yield* Subject
      gigachat.expireTokens()
      const before = gigachat.tokens().length
      const { json, status } = yield* embed({ model: "gigachat/Embeddings", input: "раз" })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(json.data[0].embedding, [3, 0.5])
      assert.strictEqual(gigachat.tokens().length, before + 1)
    })
  )

  it.effect("has vectors without any provider, the same for the same text", () =>
    Effect.gen(function* () {
      const texts = ["Кошка спит", "кошка СПИТ", "Поезд опоздал", " "]
      const { json } = yield* embed({ model: "sandbox/embed", input: texts, dimensions: 64 })
      const vectors: ReadonlyArray<ReadonlyArray<number>> = json.data.map(
        ({ embedding }: { readonly embedding: ReadonlyArray<number> }) => embedding
      )
      assert.strictEqual(vectors.length, 4)
      for (const vector of vectors) {
        assert.strictEqual(vector.length, 64)
        assert.closeTo(Math.hypot(...vector), 1, 1e-6)
        assert.deepStrictEqual(Array.from(new Float32Array(vector)), vector)
      }
      assert.deepStrictEqual(vectors[0], vectors[1])
      assert.notDeepEqual(vectors[0], vectors[2])
      assert.deepStrictEqual(json.usage, { prompt_tokens: 7, total_tokens: 7 })
      const again = yield* embed({ model: "sandbox/embed", input: texts, dimensions: 64 })
      assert.deepStrictEqual(again.json, json)
    })
  )

  it.effect("refuses a body that is not right, names the field, and calls nobody", () =>
    Effect.gen(function* () {
      const { openai } = yield* Subject
      const before = openai.requests.length
      const model = "openai/text-embedding-test"
      const cases: ReadonlyArray<readonly [body: unknown, reason: string, param: string | null]> = [
        [[], "invalid_body", null],
        [{ input: "a" }, "invalid_body", "model"],
        [{ model: "", input: "a" }, "invalid_body", "model"],
        [{ model }, "invalid_body", "input"],
        [{ model, input: null }, "invalid_body", "input"],
        [{ model, input: "" }, "invalid_body", "input"],
        [{ model, input: 7 }, "invalid_body", "input"],
        [{ model, input: [] }, "invalid_body", "input"],
        [{ model, input: ["a", ""] }, "invalid_body", "input[1]"],
        [{ model, input: ["a", null] }, "invalid_body", "input[1]"],
        [{ model, input: Array.from({ length: 2049 }, () => "a") }, "invalid_body", "input"],
        [{ model, input: [1, 2, 3] }, "unsupported_parameter", "input"],
        [{ model, input: [[1, 2], [3]] }, "unsupported_parameter", "input"],
        [{ model, input: "a", encoding_format: "int8" }, "invalid_body", "encoding_format"],
        [{ model, input: "a", dimensions: 0 }, "invalid_body", "dimensions"],
        [{ model, input: "a", dimensions: 1.5 }, "invalid_body", "dimensions"],
        [{ model, input: "a", user: 7 }, "invalid_body", "user"],
        [{ model, input: "a", stream: true }, "unsupported_parameter", "stream"],
        [{ model: "sandbox/embed", input: "a", dimensions: 5000 }, "invalid_request", "dimensions"]
      ]
      for (const [body, reason, param] of cases) {
        const { json, status } = yield* embed(body)
        assert.strictEqual(status, 400, JSON.stringify(body).slice(0, 100))
        assert.deepInclude(json.error, { code: "validation_error", param })
        assert.strictEqual(json.error.details.reason, reason)
      }
      assert.strictEqual(openai.requests.length, before)
    })
  )

  it.effect("throws the SDK's errors: no key, no such model, a model that the key may not use, a limit", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const input = "Hello"
      const error = (key: string, model: string) =>
        thrown(() => gateway.openai(key).embeddings.create({ model, input }))
      assert.instanceOf(yield* error("xr-free-nobody", "sandbox/embed"), AuthenticationError)
      assert.instanceOf(yield* error(key, "nobody/embed"), NotFoundError)
      assert.instanceOf(yield* error(key, "sandbox/echo"), NotFoundError)
      assert.instanceOf(yield* error(key, "openai/nothing"), NotFoundError)
      const bound = yield* gateway.makeKey({ models: ["sandbox/echo"] })
      assert.instanceOf(yield* error(bound, "sandbox/embed"), PermissionDeniedError)
      const limited = yield* gateway.makeKey({ limits: { rpm: 1 } })
      assert.isUndefined(yield* error(limited, "sandbox/embed"))
      const refused = yield* error(limited, "sandbox/embed")
      assert.instanceOf(refused, RateLimitError)
      assert.strictEqual(refused.headers?.get("x-ratelimit-limit-requests"), "1")
    })
  )

  it.effect("counts the texts against a limit of tokens before the call, and what was used after it", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const key = yield* gateway.makeKey({ limits: { tpm: 100 } })
      const { headers, status } = yield* embed({ model: "sandbox/embed", input: ["one two three"] }, key)
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("x-ratelimit-limit-tokens"), "100")
      const remaining = Effect.map(embed({ model: "sandbox/embed", input: ["four"] }, key), (next) =>
        Number(next.headers.get("x-ratelimit-remaining-tokens"))
      )
      // The three words of the call before it, and the estimate of this one.
      assert.strictEqual(yield* remaining, 100 - 3 - 2)
      const tooLong = yield* embed({ model: "sandbox/embed", input: ["word ".repeat(100)] }, key)
      assert.strictEqual(tooLong.status, 429)
      assert.strictEqual(tooLong.json.error.details.reason, "tokens_per_minute")
    })
  )

  it.effect("passes an upstream's limit on as 429 with its time", () =>
    Effect.gen(function* () {
      const { headers, json, status } = yield* embed({ model: "openai/limited", input: "a" })
      assert.strictEqual(status, 429)
      assert.strictEqual(json.error.details.reason, "provider_rate_limit")
      assert.strictEqual(headers.get("retry-after"), "30")
    })
  )

  it.effect("goes to the next candidate where one fails, and keeps a row of it all in the ledger", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const key = yield* gateway.makeKey()
      const answer = yield* embed({ model: "vectors", input: ["раз", "два"] }, key)
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.json.model, "vectors")
      assert.strictEqual(answer.headers.get("x-xrouter-provider"), "gigachat")
      const id = answer.headers.get("x-request-id") ?? ""
      const row = Effect.map(
        gateway.request(`/v1/generation?id=${id}`, { headers: { authorization: `Bearer ${key}` } }),
        ({ json }) => json.data
      )
      yield* eventually(Effect.map(row, (data) => data?.status === "completed"))
      const data = yield* row
      assert.deepInclude(data, {
        model: "vectors",
        provider: "gigachat",
        provider_model: "Embeddings",
        streamed: false,
        tokens_prompt: 6,
        tokens_completion: 0,
        estimated: false,
        finish_reason: null
      })
      assert.match(data.id, /^embd-[0-9a-f]{32}$/)
      assert.deepStrictEqual(
        data.attempts.map(({ provider, status }: { readonly provider: string; readonly status: string }) => ({
          provider,
          status
        })),
        [
          { provider: "openai", status: "failed" },
          { provider: "gigachat", status: "completed" }
        ]
      )
    })
  )

  it.effect("counts requests and tokens in the metrics", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const requests = () =>
        Effect.map(gateway.request("/metrics"), ({ text }) =>
          Number(/^xrouter_requests_total\{[^}]*model="sandbox\/embed"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0)
        )
      const before = yield* requests()
      yield* embed({ model: "sandbox/embed", input: "one two" })
      yield* eventually(Effect.map(requests(), (count) => count === before + 1))
    })
  )

  it.effect("closes the upstream's connection when the client leaves, and counts nothing", () =>
    Effect.gen(function* () {
      const { gateway, silent } = yield* Subject
      const asking = yield* Effect.forkScoped(embed({ model: "silent/any", input: "a" }))
      const { abandoned } = yield* silent.take.pipe(Effect.repeat({ until: ({ method }) => method === "POST" }))
      yield* Fiber.interrupt(asking)
      yield* abandoned
      const rows = Effect.map(gateway.admin("GET", "/usage?provider=silent&status=cancelled"), ({ json }) => json.data)
      yield* eventually(Effect.map(rows, ({ length }) => length === 1))
      const [row] = yield* rows
      assert.deepInclude(row, { provider_model: "any", tokens_prompt: 0, tokens_completion: 0 })
    }).pipe(Effect.scoped)
  )
})

layer(Subject.layer, { excludeTestServices: true })("a long list of texts", (it) => {
  it.effect("is asked for in pieces, and comes back whole and in order", () =>
    Effect.gen(function* () {
      const { openai } = yield* Subject
      const before = openai.requests.length
      const input = Array.from({ length: 600 }, (_, index) => "x".repeat(index + 1))
      const { json } = yield* embed({ model: "openai/text-embedding-test", input })
      assert.deepStrictEqual(
        json.data.map(({ embedding, index }: { readonly embedding: ReadonlyArray<number>; readonly index: number }) => [
          index,
          embedding[0]
        ]),
        input.map((text, index) => [index, text.length])
      )
      assert.deepStrictEqual(json.usage, { prompt_tokens: 3000, total_tokens: 3000 })
      const sent = openai.requests.slice(before).map(({ body }) => (isJsonObject(body) ? body["input"] : undefined))
      assert.deepStrictEqual(
        sent.map((texts) => (Array.isArray(texts) ? texts.length : 0)),
        [256, 256, 88]
      )
    })
  )
})
