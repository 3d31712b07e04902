import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type OpenAI from "openai"
import {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError
} from "openai"
import { startGateway } from "../support/Gateway.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { thrown } from "../support/Thrown.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"

const question = [{ role: "user" as const, content: "One two three four" }]

describe("the official openai SDK", () => {
  it.live("creates a completion", () =>
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      const openai = gateway.openai(yield* gateway.makeKey())
      const completion = yield* Effect.promise(() =>
        openai.chat.completions.create({ model: "sandbox/echo", messages: question })
      )
      assert.strictEqual(completion.choices[0]?.message.content, "One two three four")
      assert.strictEqual(completion.choices[0]?.finish_reason, "stop")
      assert.strictEqual(completion.model, "sandbox/echo")
      assert.match(completion.id, /^chatcmpl-/)
      assert.match(completion._request_id ?? "", /^req_[0-9a-f]{32}$/)
      assert.deepStrictEqual(completion.usage?.total_tokens, 8)
    }).pipe(Effect.scoped)
  )

  it.live("streams, with usage where it is asked for and without where it is not", () =>
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      const openai = gateway.openai(yield* gateway.makeKey())
      const chunksOf = (isUsageWanted: boolean) =>
        Effect.promise(async () => {
          const stream = await openai.chat.completions.create({
            model: "sandbox/echo",
            messages: question,
            stream: true,
            ...(isUsageWanted ? { stream_options: { include_usage: true } } : {})
          })
          return Array.fromAsync(stream)
        })
      const plain = yield* chunksOf(false)
      assert.strictEqual(plain.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "One two three four")
      assert.strictEqual(new Set(plain.map(({ id }) => id)).size, 1)
      assert.strictEqual(plain.filter((chunk) => chunk.choices[0]?.finish_reason === "stop").length, 1)
      assert.isTrue(plain.every((chunk) => !("usage" in chunk)))
      const withUsage = yield* chunksOf(true)
      const last = withUsage.at(-1)
      assert.deepStrictEqual(last?.choices, [])
      assert.strictEqual(last?.usage?.total_tokens, 8)
      assert.isTrue(withUsage.slice(0, -1).every((chunk) => chunk.usage === null))
    }).pipe(Effect.scoped)
  )

  it.live("runs its .stream() helper to a final message", () =>
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      const openai = gateway.openai(yield* gateway.makeKey())
      const final = yield* Effect.promise(() =>
        openai.chat.completions.stream({ model: "sandbox/story", messages: question }).finalChatCompletion()
      )
      assert.strictEqual(final.choices[0]?.finish_reason, "stop")
      assert.isAbove(final.choices[0]?.message.content?.length ?? 0, 100)
    }).pipe(Effect.scoped)
  )

  it.live("gets a streamed tool call in OpenAI's sequence", () =>
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      const openai = gateway.openai(yield* gateway.makeKey())
      const final = yield* Effect.promise(() =>
        openai.chat.completions
          .stream({
            model: "sandbox/tools",
            messages: question,
            tools: [
              {
                type: "function",
                function: {
                  name: "weather",
                  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
                }
              }
            ]
          })
          .finalChatCompletion()
      )
      assert.strictEqual(final.choices[0]?.finish_reason, "tool_calls")
      const [call] = final.choices[0]?.message.tool_calls ?? []
      assert.isTrue(call?.type === "function" && call.function.name === "weather")
      assert.isTrue(call?.type === "function" && typeof JSON.parse(call.function.arguments).city === "string")
    }).pipe(Effect.scoped)
  )

  it.live("lists models and retrieves one whose id has a slash", () =>
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      const openai = gateway.openai(yield* gateway.makeKey())
      const models = yield* Effect.promise(async () => Array.fromAsync(await openai.models.list()))
      assert.includeMembers(
        models.map(({ id }) => id),
        ["sandbox/echo", "sandbox/story", "sandbox/tools", "sandbox/embed"]
      )
      const model = yield* Effect.promise(() => openai.models.retrieve("sandbox/story"))
      assert.deepInclude({ ...model }, { id: "sandbox/story", object: "model", created: 0, owned_by: "xrouter" })
    }).pipe(Effect.scoped)
  )

  it.live("throws the class that belongs to each status", () =>
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make()
      const refused = yield* OpenAiUpstream.make({ key: "another-key" })
      const gateway = yield* startGateway({
        providers: providers({ openai: openAiSettings(upstream.baseUrl), stranger: openAiSettings(refused.baseUrl) })
      })
      const openai = gateway.openai(yield* gateway.makeKey())
      const asked = (client: OpenAI, body: Partial<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming>) =>
        thrown(() => client.chat.completions.create({ model: "openai/gpt-test", messages: question, ...body }))

      const badRequest = yield* asked(openai, { max_tokens: 0 })
      assert.instanceOf(badRequest, BadRequestError)
      assert.strictEqual(badRequest.param, "max_tokens")
      assert.strictEqual(badRequest.code, "validation_error")

      assert.instanceOf(yield* asked(gateway.openai("xr-wrong"), {}), AuthenticationError)

      const bounded = gateway.openai(yield* gateway.makeKey({ models: ["openai/other"] }))
      assert.instanceOf(yield* asked(bounded, {}), PermissionDeniedError)

      assert.instanceOf(yield* asked(openai, { model: "no-such-model" }), NotFoundError)
      assert.instanceOf(yield* asked(openai, { model: "openai/unknown" }), NotFoundError)

      const limited = gateway.openai(yield* gateway.makeKey({ limits: { rpm: 1 } }))
      assert.isUndefined(yield* asked(limited, {}))
      const tooMany = yield* asked(limited, {})
      assert.instanceOf(tooMany, RateLimitError)
      assert.isAtLeast(Number(tooMany.headers?.get("retry-after")), 1)

      const fromProvider = yield* asked(openai, { model: "openai/limited" })
      assert.instanceOf(fromProvider, RateLimitError)
      assert.strictEqual(fromProvider.headers?.get("retry-after"), "2")

      const badGateway = yield* asked(openai, { model: "openai/broken" })
      assert.instanceOf(badGateway, InternalServerError)
      assert.strictEqual(badGateway.status, 502)

      const ourFault = yield* asked(openai, { model: "stranger/gpt-test" })
      assert.instanceOf(ourFault, InternalServerError)
      assert.strictEqual(ourFault.status, 502)
      assert.strictEqual(Reflect.get(Object(ourFault.error), "details").reason, "provider_rejected_credentials")
    }).pipe(Effect.scoped)
  )

  it.live("is told of a stream that broke, and never of a finish that was not", () =>
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make()
      const gateway = yield* startGateway({ providers: providers({ openai: openAiSettings(upstream.baseUrl) }) })
      const openai = gateway.openai(yield* gateway.makeKey())
      const seen: Array<OpenAI.Chat.ChatCompletionChunk> = []
      const error = yield* thrown(async () => {
        const stream = await openai.chat.completions.create({ model: "openai/cut", messages: question, stream: true })
        for await (const chunk of stream) seen.push(chunk)
      })
      assert.instanceOf(error, APIError)
      assert.strictEqual(error.code, "provider_error")
      assert.isAbove(seen.length, 0)
      assert.isTrue(seen.every((chunk) => chunk.choices.every((choice) => choice.finish_reason === null)))
    }).pipe(Effect.scoped)
  )
})
