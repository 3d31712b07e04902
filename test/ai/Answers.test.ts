import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { LanguageModel, Telemetry, Tool, Toolkit } from "effect/ai"
import { ParameterOverrides, withParameters, XRouterLanguageModel } from "../../src/ai/index.ts"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import { Providers } from "../../src/router/Providers.ts"
import { Router } from "../../src/router/Router.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { Answers, ScriptedProvider } from "../../src/testing/index.ts"
import { layerScripted } from "./upstreams.ts"

const { calls, ended, finished, says, started, stop, tells, text, used } = Answers

const answering = (answer: Answers.Answer) =>
  XRouterLanguageModel.layer({ model: "p/m" }).pipe(
    Layer.provide(layerScripted(ScriptedProvider.make("p", { answer })))
  )

const delta = (call: number, more: { readonly id?: string; readonly name?: string }, text: string): ChatEvent => ({
  _tag: "ToolCallDelta",
  choice: 0,
  call,
  ...more,
  arguments: text
})

const Clock = Tool.make("now", { success: Schema.String })
const Adder = Tool.make("add", {
  parameters: Schema.Struct({ a: Schema.Finite, b: Schema.Finite }),
  success: Schema.Finite
})
const Tools = Toolkit.make(Clock, Adder)
const toolsLayer = Tools.toLayer({ now: () => Effect.succeed("noon"), add: ({ a, b }) => Effect.succeed(a + b) })

const whole = (answer: Answers.Answer) =>
  LanguageModel.generateText({ prompt: "Hello", toolkit: Tools }).pipe(Effect.provide([answering(answer), toolsLayer]))

const parts = (answer: Answers.Answer) =>
  LanguageModel.streamText({ prompt: "Hello", toolkit: Tools }).pipe(
    Stream.runCollect,
    Effect.provide([answering(answer), toolsLayer])
  )

describe("an answer of the router's", () => {
  it.effect("counts what the provider counted, and nothing where it counted nothing", () =>
    Effect.gen(function* () {
      const counted = used({ promptTokens: 10, completionTokens: 8, cachedTokens: 4, reasoningTokens: 3 })
      const { usage } = yield* whole(says("Hi", counted))
      assert.deepStrictEqual({ ...usage.inputTokens }, { total: 10, cacheRead: 4, uncached: 6 })
      assert.deepStrictEqual({ ...usage.outputTokens }, { total: 8, reasoning: 3, text: 5 })
      assert.isUndefined((yield* whole(says("Hi"))).usage.inputTokens.total)
    })
  )

  it.effect("puts calls together that come by turns, in a stream and without one", () =>
    Effect.gen(function* () {
      const answer = tells(
        started,
        delta(0, { id: "a", name: "add" }, '{"a":1,'),
        delta(1, { id: "b", name: "add" }, '{"a":2,'),
        delta(0, {}, '"b":1}'),
        delta(1, {}, '"b":2}'),
        ended("tool_calls"),
        finished()
      )
      const { toolResults } = yield* whole(answer)
      assert.deepStrictEqual(
        toolResults.map(({ id, result }) => [id, result]),
        [
          ["a", 2],
          ["b", 4]
        ]
      )
      const streamed = yield* parts(answer)
      assert.deepStrictEqual(
        streamed.flatMap((part) =>
          part.type === "tool-params-start" || part.type === "tool-params-delta" || part.type === "tool-params-end"
            ? [`${part.type} ${part.id}`]
            : []
        ),
        [
          "tool-params-start a",
          "tool-params-delta a",
          "tool-params-start b",
          "tool-params-delta b",
          "tool-params-delta a",
          "tool-params-delta b",
          "tool-params-end a",
          "tool-params-end b"
        ]
      )
      assert.deepStrictEqual(
        streamed.flatMap((part) => (part.type === "tool-result" ? [part.result] : [])),
        [2, 4]
      )
    })
  )

  it.effect("calls a tool without parameters though the model has written none, and names a call that has no id", () =>
    Effect.gen(function* () {
      const answer = tells(started, delta(0, { name: "now" }, ""), ended("tool_calls"), finished())
      const { toolCalls, toolResults } = yield* whole(answer)
      assert.deepStrictEqual(
        toolResults.map(({ result }) => result),
        ["noon"]
      )
      assert.match(toolCalls[0]?.id ?? "", /^req_[0-9a-f]{32}:call:0$/)
      const streamed = yield* parts(answer)
      const ids = streamed.flatMap((part) =>
        part.type === "tool-params-start" || part.type === "tool-call" || part.type === "tool-result" ? [part.id] : []
      )
      assert.lengthOf(ids, 3)
      assert.lengthOf([...new Set(ids)], 1)
    })
  )

  it.effect("fails where a call's arguments are no JSON, or its tool is none of ours", () =>
    Effect.gen(function* () {
      const broken = tells(started, delta(0, { id: "a", name: "add" }, '{"a":'), ended("tool_calls"), finished())
      assert.strictEqual((yield* Effect.flip(whole(broken))).reason._tag, "ToolParameterValidationError")
      assert.strictEqual((yield* Effect.flip(parts(broken))).reason._tag, "ToolParameterValidationError")
      const { reason } = yield* Effect.flip(whole(calls({ name: "sing" })))
      assert.deepInclude(reason, { _tag: "ToolNotFoundError", toolName: "sing", availableTools: ["now", "add"] })
    })
  )

  it.effect("makes no call of what is left of one that was cut at its length", () =>
    Effect.gen(function* () {
      const cut = tells(started, delta(0, { id: "a", name: "add" }, '{"a":'), ended("length"), finished())
      const { finishReason, toolCalls } = yield* whole(cut)
      assert.deepStrictEqual([finishReason, toolCalls.length], ["length", 0])
      const streamed = yield* parts(cut)
      assert.isFalse(streamed.some(({ type }) => type === "tool-call" || type === "tool-result"))
    })
  )

  it.effect("gives calls of tools that it does not know to whoever wants to look at them himself", () =>
    Effect.gen(function* () {
      const { toolCalls } = yield* LanguageModel.generateText({
        prompt: "Hello",
        disableToolCallResolution: true,
        toolCallValidation: "deferred"
      }).pipe(Effect.provide(answering(calls({ name: "sing", arguments: { song: "one" } }))))
      assert.deepStrictEqual(
        toolCalls.map(({ name, params }) => ({ name, params })),
        [{ name: "sing", params: { song: "one" } }]
      )
    })
  )

  it.effect("tells why the model would not, where it says so apart from its words", () =>
    Effect.gen(function* () {
      const refusal: ChatEvent = { _tag: "ChoiceExtra", choice: 0, delta: { refusal: "I may not." } }
      const { content } = yield* whole(tells(started, refusal, stop, finished()))
      assert.deepInclude(content.at(-1), { metadata: { xrouter: { refusal: "I may not." } } })
    })
  )

  it.effect("tells of each reason for its end in Effect's word for it", () =>
    Effect.gen(function* () {
      const reasons = ["stop", "length", "content_filter", "tool_calls", "function_call"] as const
      const told = yield* Effect.forEach(reasons, (reason) =>
        Effect.map(whole(tells(started, text("Hi"), ended(reason), finished())), ({ finishReason }) => finishReason)
      )
      assert.deepStrictEqual(told, ["stop", "length", "content-filter", "tool-calls", "tool-calls"])
    })
  )

  it.effect("comes from the next provider where the first fails, and says so", () =>
    Effect.gen(function* () {
      const away = ScriptedProvider.make("away", { answer: Answers.fails(Answers.failure("provider_unavailable")) })
      const model = XRouterLanguageModel.layer({ model: "away/m", parameters: { models: ["p/m"] } })
      const { content, text } = yield* LanguageModel.generateText({ prompt: "Hello" }).pipe(
        Effect.provide(model.pipe(Layer.provide(layerScripted(away, ScriptedProvider.make("p")))))
      )
      assert.strictEqual(text, "I am p")
      const [head] = content
      assert.deepNestedInclude(head, {
        "metadata.xrouter.provider": "p",
        "metadata.xrouter.attempts[0].reason": "provider_unavailable"
      })
    })
  )

  it.effect("is of the form that was asked for, though the provider keeps to none", () =>
    Effect.gen(function* () {
      const provider = ScriptedProvider.make("p", {
        abilities: { parameters: new Set(), formats: new Set(), input: new Set(["text"]) },
        answer: [says('Sure: {"name": 1}'), says('{"name": "Ann"}')]
      })
      const router = Router.layer().pipe(Layer.provide([Providers.layer([provider]), Metrics.layer]))
      const { value } = yield* LanguageModel.generateObject({
        prompt: "Who?",
        schema: Schema.Struct({ name: Schema.String })
      }).pipe(Effect.provide(XRouterLanguageModel.layer({ model: "p/m" }).pipe(Layer.provide(router))))
      assert.deepStrictEqual(value, { name: "Ann" })
      assert.lengthOf(provider.sent, 2)
    })
  )

  it.effect("has the parameters that its stream was given", () =>
    Effect.gen(function* () {
      const provider = ScriptedProvider.make("p")
      yield* LanguageModel.streamText({ prompt: "Hello" }).pipe(
        Stream.provideService(ParameterOverrides, { temperature: 0 }),
        Stream.runDrain,
        Effect.provide(XRouterLanguageModel.layer({ model: "p/m" }).pipe(Layer.provide(layerScripted(provider))))
      )
      assert.strictEqual(provider.sent[0]?.request.temperature, 0)
    })
  )

  it.effect("is told to a trace in the words of OpenTelemetry's conventions, without a word of what was said", () =>
    Effect.gen(function* () {
      const spans: Array<unknown> = []
      const answer = says("Rome.", used({ promptTokens: 5, completionTokens: 2 }))
      const ask = { prompt: "The capital?" }
      const told = (options: { readonly span: object }) => {
        if ("attributes" in options.span) spans.push(options.span.attributes)
      }
      yield* Effect.andThen(LanguageModel.generateText(ask), Stream.runDrain(LanguageModel.streamText(ask))).pipe(
        withParameters({ temperature: 0.5, max_tokens: 9, stop: "!" }),
        Effect.provideService(Telemetry.CurrentSpanTransformer, told),
        Effect.provide(answering(answer))
      )
      assert.lengthOf(spans, 2)
      for (const attributes of spans) {
        assert.instanceOf(attributes, Map)
        const expected = [
          ["gen_ai.request.model", "p/m"],
          ["gen_ai.request.temperature", 0.5],
          ["gen_ai.request.max_tokens", 9],
          ["gen_ai.request.stop_sequences", ["!"]],
          ["gen_ai.response.model", "p/m"],
          ["gen_ai.response.finish_reasons", ["stop"]],
          ["gen_ai.usage.input_tokens", 5],
          ["gen_ai.usage.output_tokens", 2]
        ] as const
        for (const [name, value] of expected) assert.deepStrictEqual(attributes.get(name), value, name)
        assert.notMatch(JSON.stringify([...attributes]), /capital|Rome/)
      }
    })
  )

  it.effect("is not asked for in a form that nobody can be told of", () =>
    Effect.gen(function* () {
      const provider = ScriptedProvider.make("p")
      const schema = Schema.Union([Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.String })])
      const { reason } = yield* LanguageModel.generateObject({ prompt: "Hello", schema }).pipe(
        Effect.provide(XRouterLanguageModel.layer({ model: "p/m" }).pipe(Layer.provide(layerScripted(provider)))),
        Effect.flip
      )
      assert.strictEqual(reason._tag, "UnsupportedSchemaError")
      assert.lengthOf(provider.prepared, 0)
    })
  )

  it.effect("refuses a tool that is built into one vendor's API, before anybody is asked", () =>
    Effect.gen(function* () {
      const Search = Tool.providerDefined({
        id: "vendor.search",
        customName: "Search",
        providerName: "search",
        parameters: Schema.Struct({ query: Schema.String }),
        success: Schema.String
      })()
      const provider = ScriptedProvider.make("p")
      const { reason } = yield* LanguageModel.generateText({ prompt: "Hello", toolkit: Toolkit.make(Search) }).pipe(
        Effect.provide(XRouterLanguageModel.layer({ model: "p/m" }).pipe(Layer.provide(layerScripted(provider)))),
        Effect.flip
      )
      assert.strictEqual(reason._tag, "ToolConfigurationError")
      assert.lengthOf(provider.prepared, 0)
    })
  )
})
