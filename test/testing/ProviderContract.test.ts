import { describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as GigaChat from "../../src/providers/gigachat/index.ts"
import * as OpenAi from "../../src/providers/openai/index.ts"
import * as Sandbox from "../../src/providers/sandbox/index.ts"
import * as YandexGpt from "../../src/providers/yandexgpt/index.ts"
import { type ContractOptions, providerContract } from "../../src/testing/index.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import {
  close,
  frame,
  hang,
  head,
  json,
  make as makeUpstream,
  type Received,
  reset,
  sse,
  sseHead,
  steps,
  type Step,
  write
} from "../support/ScriptedUpstream.ts"
import * as YandexUpstream from "../support/YandexUpstream.ts"

const suite = (name: string, options: ContractOptions) =>
  describe(name, () => {
    for (const { effect, name } of providerContract(options)) it.effect(name, () => effect)
  })

suite("the sandbox", {
  subject: Effect.sync(() => ({ provider: Sandbox.make() })),
  model: "story",
  calling: { subject: Effect.sync(() => ({ provider: Sandbox.make() })), model: "tools" },
  embedding: { model: "embed" }
})

// GigaChat

const gigachat = (prepare: (upstream: GigaChatUpstream.GigaChatUpstream) => void = () => undefined) =>
  Effect.gen(function* () {
    const upstream = yield* GigaChatUpstream.make()
    prepare(upstream)
    const { authUrl, baseUrl, credentials, scope } = upstream
    const provider = yield* GigaChat.make({ authUrl, baseUrl, credentials, scope }).pipe(Effect.orDie)
    return { provider, upstream, requests: () => upstream.chats().length + upstream.embeddings().length }
  })

const inTrouble = (step: Step) =>
  gigachat(({ next }) => {
    // Whoever asks again after a refusal of our credentials meets the same.
    next(step)
    next(step)
  })

suite("GigaChat", {
  subject: gigachat(),
  model: "GigaChat-2-Max",
  calling: {
    subject: gigachat(({ answer }) => answer({ pieces: [], call: { name: "weather", arguments: { city: "Рим" } } }))
  },
  embedding: { model: "Embeddings" },
  endless: Effect.map(
    gigachat(({ next }) => {
      const delta = { choices: [{ delta: { content: "Рим", role: "assistant" }, index: 0 }], object: "chat.completion" }
      next(steps(sseHead, frame(delta), hang))
    }),
    (subject) => ({
      ...subject,
      closed: Effect.suspend(() => subject.upstream.chats()[0]?.abandoned ?? Effect.never)
    })
  ),
  troubles: {
    "a limit": {
      subject: inTrouble(json(429, { status: 429, message: "Too Many Requests" })),
      expected: { _tag: "RateLimitError", reason: "provider_rate_limit" }
    },
    "an internal error": {
      subject: inTrouble(json(500, { status: 500, message: "Internal Server Error" })),
      expected: { _tag: "ProviderError", reason: "provider_failed" }
    },
    "credentials that are refused": {
      subject: inTrouble(json(403, { status: 403, message: "Forbidden" })),
      expected: { _tag: "ProviderError", reason: "provider_rejected_credentials" }
    },
    "a request that is refused": {
      subject: inTrouble(json(422, { status: 422, message: "Invalid params: temperature" })),
      expected: { _tag: "ValidationError", reason: "provider_rejected_request" }
    },
    "an answer that is none": {
      subject: inTrouble(json(200, { hello: "there" })),
      expected: { _tag: "ProviderError", reason: "provider_invalid_answer" }
    },
    "a connection that is reset": {
      subject: inTrouble(reset),
      expected: { _tag: "ProviderError", reason: "provider_unavailable" }
    },
    "an answer that is cut off": {
      subject: gigachat(({ answer }) => answer({ cut: "close" })),
      stream: true,
      expected: { _tag: "ProviderError", reason: "provider_failed" }
    }
  },
  secrets: ["client:0b9e7d44-secret", ".scripted", "127.0.0.1"]
})

// YandexGPT

const yandexgpt = (...answers: ReadonlyArray<YandexUpstream.Answer>) =>
  Effect.gen(function* () {
    const upstream = yield* YandexUpstream.make()
    upstream.next(...answers)
    const { baseUrl, folderId, iamUrl } = upstream
    const provider = yield* YandexGpt.make({
      auth: { _tag: "ApiKey", apiKey: Redacted.make(upstream.apiKey) },
      baseUrl,
      folderId,
      iamUrl
    }).pipe(Effect.orDie)
    return { provider, upstream, requests: () => upstream.completions.length + upstream.embeddings.length }
  })

const rome = { name: "weather", arguments: { city: "Рим" } }

suite("YandexGPT", {
  subject: yandexgpt(),
  model: "yandexgpt",
  calling: { subject: yandexgpt(YandexUpstream.callsFunctions([rome])) },
  embedding: { model: "text-search-doc" },
  endless: Effect.map(
    yandexgpt(() =>
      steps(
        head(200, { "content-type": "application/json" }),
        write(`${JSON.stringify(YandexUpstream.envelope({ text: "Рим", status: "ALTERNATIVE_STATUS_PARTIAL" }))}\n`),
        hang
      )
    ),
    (subject) => ({
      ...subject,
      closed: Effect.suspend(() => subject.upstream.completions[0]?.abandoned ?? Effect.never)
    })
  ),
  troubles: {
    "a limit": {
      subject: yandexgpt(YandexUpstream.gaugeQuota),
      expected: { _tag: "RateLimitError", reason: "provider_rate_limit" }
    },
    "an internal error": {
      subject: yandexgpt(YandexUpstream.refuses(500, 13, "Internal error")),
      expected: { _tag: "ProviderError", reason: "provider_failed" }
    },
    "a request that is refused": {
      subject: yandexgpt(YandexUpstream.refuses(400, 3, "temperature is out of range")),
      expected: { _tag: "ValidationError", reason: "provider_rejected_request" }
    },
    "a failure in the middle": {
      subject: yandexgpt(YandexUpstream.breaksAfter("Рим", 500, 13, "Internal error")),
      stream: true,
      expected: { _tag: "ProviderError", reason: "provider_failed" }
    }
  },
  secrets: ["AQVN-scripted-key", "b1gscripted000000001", "127.0.0.1"]
})

// OpenAI, and whoever speaks its language

const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 }
const about = { id: "chatcmpl-1", created: 1_790_000_000, model: "gpt-test-0613" }

interface Said {
  readonly content?: string
  readonly tool_calls?: ReadonlyArray<unknown>
}

const saying =
  (said: Said, finish_reason: string) =>
  ({ body }: Received): Step => {
    const isStream = typeof body === "object" && body !== null && "stream" in body && body.stream === true
    if (!isStream) {
      const message = { role: "assistant", content: null, ...said }
      return json(200, { ...about, object: "chat.completion", choices: [{ index: 0, message, finish_reason }], usage })
    }
    const chunk = (choices: ReadonlyArray<unknown>, more = {}) => ({
      ...about,
      object: "chat.completion.chunk",
      choices,
      ...more
    })
    return sse(
      chunk([{ index: 0, delta: { role: "assistant", ...said }, finish_reason: null }]),
      chunk([{ index: 0, delta: {}, finish_reason }]),
      chunk([], { usage }),
      "[DONE]"
    )
  }

const openai = (answer: (request: Received) => Step) =>
  Effect.gen(function* () {
    const upstream = yield* makeUpstream((request) =>
      request.path === "/v1/models" ? json(200, { object: "list", data: [{ id: "gpt-test" }] }) : answer(request)
    )
    const apiKey = Redacted.make("sk-contract-0123456789")
    const provider = yield* OpenAi.make({ baseUrl: `${upstream.url}/v1`, apiKey }).pipe(Effect.orDie)
    const chats = () => upstream.requests.filter(({ path }) => path !== "/v1/models")
    return {
      provider,
      requests: () => chats().length,
      closed: Effect.suspend(() => chats()[0]?.abandoned ?? Effect.never)
    }
  })

const call = { index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } }
const firstChunk = { ...about, object: "chat.completion.chunk", choices: [{ index: 0, delta: { content: "Rome" } }] }

suite("OpenAI's language", {
  subject: openai(saying({ content: "Rome." }, "stop")),
  model: "gpt-test",
  calling: { subject: openai(saying({ tool_calls: [call] }, "tool_calls")) },
  endless: openai(() => steps(sseHead, frame(firstChunk), hang)),
  troubles: {
    "a limit": {
      subject: openai(() => json(429, { error: { message: "Rate limit", code: "rate_limit_exceeded" } })),
      expected: { _tag: "RateLimitError", reason: "provider_rate_limit" }
    },
    "a key that is refused": {
      subject: openai(({ headers }) => json(401, { error: { message: `Incorrect: ${headers.authorization}` } })),
      expected: { _tag: "ProviderError", reason: "provider_rejected_credentials" }
    },
    "a stream that is cut off": {
      subject: openai(() => steps(sseHead, frame(firstChunk), close)),
      stream: true,
      expected: { _tag: "ProviderError", reason: "provider_failed" }
    }
  },
  secrets: ["sk-contract-0123456789", "127.0.0.1"]
})
