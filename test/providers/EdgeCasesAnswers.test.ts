import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../support/Eventually.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import * as Yandex from "../support/YandexUpstream.ts"
import {
  ask,
  calling,
  deltas,
  forms,
  gigaChatModel,
  gigaChatSays,
  gigaChatSent,
  type Heard,
  messagesIn,
  result,
  tool,
  user,
  Vendors,
  yandexModel,
  yandexSent
} from "./edgeCases.ts"

const tools = [tool("weather")]
const refusal = "Не люблю менять тему разговора, но вот сейчас тот самый случай."

/** What of a vendor's answer no OpenAI client would understand as it stands. */
layer(Vendors.layer({}, { both: alias([gigaChatModel, yandexModel]), other: alias([yandexModel, gigaChatModel]) }), {
  excludeTestServices: true
})("what a client is told", (it) => {
  for (const { as, stream } of forms) {
    it.effect(`6. arguments, an object for the vendor, are JSON text with its letters, numbers and order (${as})`, () =>
      Effect.gen(function* () {
        const { gigachat, yandex } = yield* Vendors
        const text = '{"city":"Тула","id":12345678901234567890,"t":1.0,"a":"\\n"}'
        const said = `"content":"","role":"assistant","function_call":{"name":"weather","arguments":${text}}`
        const body = `{"choices":[{"${stream ? "delta" : "message"}":{${said}},"index":0,"finish_reason":"function_call"}]}`
        gigachat.next(
          stream ? Scripted.sse(body, "[DONE]") : Scripted.text(200, body, { "content-type": "application/json" })
        )
        const answer = yield* ask(gigaChatModel, { stream, tools })
        assert.deepStrictEqual(
          answer.calls.map((call) => [call.name, call.arguments]),
          [["weather", text]]
        )
        assert.deepStrictEqual([answer.content, answer.finish], [null, "tool_calls"])

        // Its numbers are protobuf's doubles: there is nothing more exact to keep.
        yandex.next(Yandex.callsFunctions([{ name: "weather", arguments: { city: "Тула", t: 1.5, a: "\n" } }]))
        const other = yield* ask(yandexModel, { stream, tools })
        assert.deepStrictEqual(
          other.calls.map((call) => call.arguments),
          ['{"city":"Тула","t":1.5,"a":"\\n"}']
        )
        assert.deepStrictEqual([other.content, other.finish], [null, "tool_calls"])
      })
    )

    it.effect(
      `10. GigaChat's cached tokens, counted apart by it, are among the prompt's, and booked as cached (${as})`,
      () =>
        Effect.gen(function* () {
          const { gateway, key } = yield* Vendors
          yield* gigaChatSays({
            usage: { prompt_tokens: 17, completion_tokens: 3, total_tokens: 20, precached_prompt_tokens: 2 }
          })
          const { headers, usage } = yield* ask(gigaChatModel, { stream, stream_options: asked(stream) })
          assert.deepInclude(usage, { prompt_tokens: 19, completion_tokens: 3, total_tokens: 22 })
          assert.strictEqual(usage.prompt_tokens_details.cached_tokens, 2)
          const booked = gateway.request(`/v1/generation?id=${headers.get("x-request-id")}`, {
            headers: { authorization: `Bearer ${key}` }
          })
          yield* eventually(
            Effect.map(booked, ({ json, status }) => status === 200 && json.data.status === "completed")
          )
          assert.deepInclude((yield* booked).json.data, { tokens_prompt: 19, tokens_cached: 2, tokens_completion: 3 })
        })
    )

    it.effect(`11. the censor is \`content_filter\` with the canned words, tried nowhere else (${as})`, () =>
      Effect.gen(function* () {
        const { gigachat, yandex } = yield* Vendors
        yield* gigaChatSays({
          pieces: [refusal],
          finishReason: "blacklist",
          usage: { prompt_tokens: 1, completion_tokens: 0, total_tokens: 1, precached_prompt_tokens: 0 }
        })
        const calls = () => [gigachat.chats().length, yandex.completions.length] as const
        const [g, y] = calls()
        const censored = yield* ask("both", { stream })
        assert.deepStrictEqual([censored.status, censored.content, censored.finish], [200, refusal, "content_filter"])
        assert.deepStrictEqual(calls(), [g + 1, y])

        yandex.next(Yandex.filters(refusal))
        const filtered = yield* ask("other", { stream })
        assert.deepStrictEqual([filtered.status, filtered.content, filtered.finish], [200, refusal, "content_filter"])
        assert.deepStrictEqual(calls(), [g + 1, y + 1])
      })
    )

    it.effect(`20. YandexGPT's counts are numbers, be they text or not, with details or without (${as})`, () =>
      Effect.gen(function* () {
        const { yandex } = yield* Vendors
        const counted = Yandex.envelope({ text: "Да" }).result
        for (const [usage, told] of [
          [
            {
              inputTextTokens: "117",
              completionTokens: "3",
              totalTokens: "120",
              completionTokensDetails: { reasoningTokens: "2" }
            },
            [117, 3, 120, 2]
          ],
          [{ inputTextTokens: "117", completionTokens: "3", totalTokens: "120" }, [117, 3, 120, 0]],
          [
            { inputTextTokens: 117, completionTokens: 3, totalTokens: 120, completionTokensDetails: null },
            [117, 3, 120, 0]
          ]
        ] as const) {
          yandex.next(({ isStream }) => {
            const last = { result: { ...counted, usage } }
            return isStream ? Yandex.lines([last]) : Scripted.json(200, last)
          })
          const heard = yield* ask(yandexModel, { stream, stream_options: asked(stream) })
          assert.deepStrictEqual(
            [
              heard.usage.prompt_tokens,
              heard.usage.completion_tokens,
              heard.usage.total_tokens,
              heard.usage.completion_tokens_details.reasoning_tokens
            ],
            [...told]
          )
        }
      })
    )

    it.effect(`21. two calls of one function have two ids, by which their results find them (${as})`, () =>
      Effect.gen(function* () {
        const { vendorSays, yandex } = yield* Vendors
        const [tula, orel] = [{ city: "Тула" }, { city: "Орёл" }]
        yandex.next(Yandex.callsFunctions([tula, orel].map((args) => ({ name: "weather", arguments: args }))))
        const { calls } = yield* ask(yandexModel, { stream, tools })
        assert.lengthOf(new Set(calls.map(({ id }) => id)), 2)
        const [a, b] = calls.map(({ arguments: text, id, name }) => [id, name, text] as const)
        if (a === undefined || b === undefined) return assert.fail("there are not two calls")

        const back = [user, calling(a, b), result(b[0], "12"), result(a[0], "21")]
        assert.strictEqual((yield* ask(yandexModel, { stream, messages: back })).status, 200)
        assert.deepNestedInclude(yield* yandexSent, { "messages[2].toolResultList": resultsOf("21", "12") })

        // Another gateway's client may bring ids that are none.
        const same = [user, calling(["weather", "weather", "{}"], ["weather", "weather", "{}"])]
        const messages = [...same, result("weather", "1"), result("weather", "2")]
        assert.strictEqual((yield* ask(yandexModel, { stream, messages })).status, 200)
        assert.deepNestedInclude(yield* yandexSent, { "messages[2].toolResultList": resultsOf("1", "2") })
        yield* gigaChatSays()
        assert.strictEqual((yield* ask(gigaChatModel, { stream, messages })).status, 200)
        assert.deepInclude(messagesIn(yield* gigaChatSent), { role: "function", name: "weather", content: "2" })

        // Yandex's endpoint in OpenAI's form gives the function's name for an id.
        const twice = ['{"city":"Тула"}', '{"city":"Орёл"}'].map((text, index) => ({
          index,
          id: "weather",
          type: "function",
          function: { name: "weather", arguments: text }
        }))
        const choice = { index: 0, finish_reason: "tool_calls" }
        vendorSays(
          stream
            ? Scripted.sse({ choices: [{ ...choice, delta: { role: "assistant", tool_calls: twice } }] }, "[DONE]")
            : Scripted.json(200, {
                choices: [{ ...choice, message: { role: "assistant", content: "", tool_calls: twice } }]
              })
        )
        const other = yield* ask("vendor/m", { stream, tools })
        assert.deepStrictEqual(
          other.calls.map(({ arguments: text, name }) => [name, text]),
          [
            ["weather", '{"city":"Тула"}'],
            ["weather", '{"city":"Орёл"}']
          ]
        )
        assert.lengthOf(new Set(other.calls.map(({ id }) => id)), 2)
        assert.deepStrictEqual([other.content, other.finish], [null, "tool_calls"])
      })
    )
  }

  it.effect(
    "9. usage, in GigaChat's last chunk and YandexGPT's every line, is in a chunk of its own, and only if asked for",
    () =>
      Effect.gen(function* () {
        yield* gigaChatSays()
        for (const model of [gigaChatModel, yandexModel]) {
          const silent = yield* ask(model, { stream: true })
          assert.isTrue(silent.isDone)
          assert.notInclude(silent.text, '"usage"')
          assert.strictEqual(silent.chunks.at(-1)?.choices[0].finish_reason, "stop")

          const { chunks, isDone } = yield* ask(model, { stream: true, stream_options: { include_usage: true } })
          const [finish, usage] = chunks.slice(-2)
          assert.deepInclude(finish.choices[0], { delta: {}, finish_reason: "stop" })
          assert.isNull(finish.usage)
          assert.deepStrictEqual(usage.choices, [])
          assert.isAbove(usage.usage.total_tokens, 0)
          assert.isTrue(isDone)
        }
      })
  )

  it.effect("12. a built-in function's progress is not told", () =>
    Effect.gen(function* () {
      const { gigachat } = yield* Vendors
      const chunk = (delta: object, finish?: string) => ({ choices: [{ delta, index: 0, finish_reason: finish }] })
      gigachat.next(
        Scripted.sse(
          chunk({ role: "function_in_progress", content: "Рисую кота, подождите" }),
          chunk({ role: "assistant", content: "Готово." }),
          chunk({ content: "" }, "stop"),
          "[DONE]"
        )
      )
      const heard = yield* ask(gigaChatModel, { stream: true })
      assert.strictEqual(heard.content, "Готово.")
      assert.notInclude(heard.text, "Рисую")
    })
  )

  it.effect("13. a call that came whole after some text is OpenAI's sequence of deltas", () =>
    Effect.gen(function* () {
      const { yandex } = yield* Vendors
      const args = { city: "Тула" }
      yield* gigaChatSays({ pieces: ["Сейчас", " узнаю."], call: { name: "weather", arguments: args } })
      const told = yield* ask(gigaChatModel, { stream: true, tools })
      assert.deepStrictEqual(sequence(told), [
        { role: "assistant", content: "" },
        { content: "Сейчас" },
        { content: " узнаю." },
        {
          tool_calls: [
            { index: 0, id: told.calls[0]?.id, type: "function", function: { name: "weather", arguments: "" } }
          ]
        },
        { tool_calls: [{ index: 0, function: { arguments: '{"city":"Тула"}' } }] },
        {}
      ])
      assert.strictEqual(told.finish, "tool_calls")

      yandex.next(Yandex.callsFunctions([{ name: "weather", arguments: args }], { after: "Сейчас узнаю." }))
      const other = yield* ask(yandexModel, { stream: true, tools })
      const [opening, text, ...calls] = sequence(other)
      assert.deepStrictEqual(
        [opening, text, calls.at(-1)],
        [{ role: "assistant", content: "" }, { content: "Сейчас узнаю." }, {}]
      )
      assert.deepStrictEqual(
        other.calls.map((call) => [call.name, call.arguments]),
        [["weather", '{"city":"Тула"}']]
      )
      assert.strictEqual(other.finish, "tool_calls")
    })
  )

  it.effect(
    "17. YandexGPT's snapshots are told by what is new in each: nothing twice, and nothing less than nothing",
    () =>
      Effect.gen(function* () {
        for (const [snapshots, told] of [
          [
            ["Один", "Один, два", "Один, два"],
            ["Один", ", два"]
          ],
          [["Привет мир", "Привет"], ["Привет мир"]],
          [
            ["Привет мир", "Привет", "Привет миру и граду"],
            ["Привет мир", "у и граду"]
          ],
          [
            ["Один два", "Один, два, три"],
            ["Один два", ", два, три"]
          ]
        ] as const) {
          const heard = yield* snapshotted(snapshots)
          assert.deepStrictEqual(deltas(heard), told)
          assert.deepStrictEqual([heard.finish, heard.isDone], ["stop", true])
        }
      })
  )

  it.effect(
    "18. a stream cut within letters and lines is told in whole letters; one that ends too early is an error, not a `stop`",
    () =>
      Effect.gen(function* () {
        const { gigachat, yandex } = yield* Vendors
        yandex.next(Yandex.says("Один 🐈, два — три", { packetSize: 1, isLastLineOpen: true }))
        const cut = yield* ask(yandexModel, { stream: true })
        assert.deepStrictEqual([cut.content, cut.finish, cut.isDone], ["Один 🐈, два — три", "stop", true])
        const whole = Buffer.from(
          `data: {"choices":[{"delta":{"content":"Раз 🐈"},"index":0}]}\n\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}]}`
        )
        const bytes = Array.from(whole, (_, at) => Scripted.write(whole.subarray(at, at + 1)))
        gigachat.next(Scripted.steps(Scripted.sseHead, ...bytes, Scripted.end))
        const read = yield* ask(gigaChatModel, { stream: true })
        assert.deepStrictEqual([read.content, read.finish, read.isDone], ["Раз 🐈", "stop", true])

        yandex.next(() => Yandex.lines([snapshot("Один", "PARTIAL"), snapshot("Один, два", "PARTIAL")]))
        yield* gigaChatSays({ cut: "end" })
        for (const model of [yandexModel, gigaChatModel]) {
          const { error, finish, isDone, status } = yield* ask(model, { stream: true })
          assert.deepStrictEqual([status, finish, isDone], [200, null, false])
          assert.strictEqual(error.details.reason, "provider_failed")
        }
      })
  )

  it.effect(
    "19. a filter after half an answer leaves that half and `content_filter`, with what was counted before",
    () =>
      Effect.gen(function* () {
        const { yandex } = yield* Vendors
        const half = "Жил-был кот. ".repeat(16)
        yandex.next(Yandex.filters(refusal, half))
        const heard = yield* ask(yandexModel, { stream: true, stream_options: { include_usage: true } })
        assert.deepStrictEqual([heard.content, heard.finish], [half, "content_filter"])
        assert.deepInclude(heard.usage, { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 })
      })
  )
})

/** `stream_options` are for streams only. */
const asked = (stream: boolean) => (stream ? { include_usage: true } : undefined)

const sequence = ({ chunks }: Heard): ReadonlyArray<unknown> =>
  chunks.flatMap(({ choices }) => choices).map(({ delta }) => delta)

const resultsOf = (...contents: ReadonlyArray<string>) => ({
  toolResults: contents.map((content) => ({ functionResult: { name: "weather", content } }))
})

const snapshot = (text: string, status: string) => Yandex.envelope({ text, status: `ALTERNATIVE_STATUS_${status}` })

const snapshotted = Effect.fnUntraced(function* (texts: ReadonlyArray<string>) {
  const { yandex } = yield* Vendors
  const last = texts.length - 1
  yandex.next(() => Yandex.lines(texts.map((text, at) => snapshot(text, at === last ? "FINAL" : "PARTIAL"))))
  return yield* ask(yandexModel, { stream: true })
})
