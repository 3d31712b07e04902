import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { gzipSync } from "node:zlib"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import * as Yandex from "../support/YandexUpstream.ts"
import {
  ask,
  deltas,
  forms,
  gigaChatModel,
  gigaChatSays,
  gigaChatSent,
  tool,
  Vendors,
  yandexModel,
  yandexSent
} from "./edgeCases.ts"

/** What gateways have been seen to stumble over beside the numbered cases. */
layer(Vendors.layer({}, { both: alias([gigaChatModel, yandexModel]), other: alias([yandexModel, gigaChatModel]) }), {
  excludeTestServices: true
})("a client is not told of", (it) => {
  for (const { as, stream } of forms) {
    it.effect(`a stop that came in two pieces, nor of what came after it (${as})`, () =>
      Effect.gen(function* () {
        const { yandex } = yield* Vendors
        yield* gigaChatSays({ pieces: ["Раз, д", "ва", ", три."] })
        yandex.next(Yandex.says("Раз, два, три."))
        for (const model of [gigaChatModel, yandexModel]) {
          const { content, finish, isDone } = yield* ask(model, { stream, stop: ["два, т"] })
          assert.deepStrictEqual([content, finish, isDone], ["Раз, ", "stop", stream])
        }
        for (const sent of [yield* gigaChatSent, yield* yandexSent]) assert.notInclude(JSON.stringify(sent), "stop")
      })
    )

    it.effect(`anything but the end where \`max_tokens\` left no room for a word (${as})`, () =>
      Effect.gen(function* () {
        const { yandex } = yield* Vendors
        yield* gigaChatSays({ pieces: [], finishReason: "length" })
        yandex.next(({ isStream }) => {
          const cut = Yandex.envelope({ text: "", status: "ALTERNATIVE_STATUS_TRUNCATED_FINAL" })
          return isStream ? Yandex.lines([cut]) : Scripted.json(200, cut)
        })
        for (const model of [gigaChatModel, yandexModel]) {
          const { content, finish, status } = yield* ask(model, { stream, max_tokens: 1 })
          assert.deepStrictEqual([status, content ?? "", finish], [200, "", "length"])
        }
        assert.deepInclude(yield* gigaChatSent, { max_tokens: 1 })
        assert.deepNestedInclude(yield* yandexSent, { "completionOptions.maxTokens": "1" })
      })
    )

    it.effect(`another model where the vendor's name for it has slashes (${as})`, () =>
      Effect.gen(function* () {
        const { vendor, vendorSays } = yield* Vendors
        vendorSays(spoken("Да", stream))
        const { content, headers } = yield* ask("vendor/openai/gpt-oss-120b", { stream })
        assert.strictEqual(content, "Да")
        assert.deepInclude(vendor.requests.at(-1)?.body, { model: "openai/gpt-oss-120b" })
        assert.strictEqual(headers.get("x-xrouter-provider"), "vendor")
      })
    )

    it.effect(`the bytes of an answer that was compressed though nobody asked for that (${as})`, () =>
      Effect.gen(function* () {
        const { gigachat, vendorSays, yandex } = yield* Vendors
        yield* gigaChatSays()
        const zipped = (type: string, text: string): Scripted.Step =>
          Scripted.steps(
            Scripted.head(200, { "content-type": type, "content-encoding": "gzip" }),
            Scripted.write(gzipSync(text)),
            Scripted.end
          )
        const type = stream ? "text/event-stream" : "application/json"
        gigachat.next(zipped(type, 'data: {"choices":[]}\n\n'))
        yandex.next(() => zipped("application/json", JSON.stringify(Yandex.envelope({ text: "Да" }))))
        vendorSays(zipped(type, 'data: {"choices":[]}\n\n'))
        for (const model of [gigaChatModel, yandexModel, "vendor/m"]) {
          const { error, status } = yield* ask(model, { stream })
          assert.deepStrictEqual([status, error.details.reason], [502, "provider_invalid_answer"])
        }
        for (const { headers } of [gigachat.chats().at(-1), yandex.completions.at(-1)].flatMap((sent) => sent ?? [])) {
          assert.strictEqual(headers["accept-encoding"], "identity")
        }
      })
    )

    it.effect(`keys, tokens and folders that a vendor's refusal repeats (${as})`, () =>
      Effect.gen(function* () {
        const { gigachat, vendorSays, yandex } = yield* Vendors
        yield* gigaChatSays()
        const token = "eyJhbGciOiJSU0EtT0FFUC0yNTYifQ.4.scripted"
        const key = "sk-test-0123456789abcdef"
        gigachat.next(
          Scripted.json(400, { status: 400, message: `Token ${token} at gigachat.devices.sberbank.ru is odd` })
        )
        yandex.next(
          Yandex.refuses(400, 3, `Api-Key ${yandex.apiKey}: no gpt://${yandex.folderId}/x in ${yandex.folderId}`)
        )
        vendorSays(Scripted.json(400, { error: { message: `Incorrect API key provided: ${key}, org-abcdef123456` } }))
        for (const model of [gigaChatModel, yandexModel, "vendor/m"]) {
          const { status, text } = yield* ask(model, { stream })
          assert.strictEqual(status, 400)
          for (const secret of [token, yandex.apiKey, yandex.folderId, key, "org-abcdef123456", "sberbank.ru"]) {
            assert.notInclude(text, secret)
          }
          assert.include(text, "***")
        }
      })
    )

    it.effect(
      `a vendor's bill that is unpaid (402), while another vendor answers; alone it is asked once (${as})`,
      () =>
        Effect.gen(function* () {
          const { gigachat } = yield* Vendors
          yield* gigaChatSays()
          const unpaid = Scripted.json(402, { status: 402, message: "Payment Required" })
          const before = gigachat.chats().length
          gigachat.next(unpaid)
          const { error, status } = yield* ask(gigaChatModel, { stream })
          assert.deepStrictEqual(
            [status, error.details.reason, error.details.upstream_status],
            [502, "provider_failed", 402]
          )
          assert.lengthOf(gigachat.chats(), before + 1)
          gigachat.next(unpaid)
          const taken = yield* ask("both", { stream })
          assert.deepStrictEqual([taken.status, taken.headers.get("x-xrouter-provider")], [200, "yandexgpt"])
        })
    )

    it.effect(`a connection that broke before the first word: the vendor is asked again (${as})`, () =>
      Effect.gen(function* () {
        const { gigachat, yandex } = yield* Vendors
        yield* gigaChatSays()
        const before = [gigachat.chats().length, yandex.completions.length] as const
        const begun = Scripted.head(200, { "content-type": stream ? "text/event-stream" : "application/json" })
        gigachat.next(Scripted.steps(begun, Scripted.reset))
        yandex.next(() => Scripted.steps(begun, Scripted.reset))
        const all = yield* Effect.forEach([gigaChatModel, yandexModel], (model) => ask(model, { stream }), {
          concurrency: 2
        })
        assert.deepStrictEqual(
          all.map(({ content }) => content),
          ["Раз, два, три.", Yandex.defaultAnswer]
        )
        assert.deepStrictEqual([gigachat.chats().length, yandex.completions.length], [before[0] + 2, before[1] + 2])
      })
    )
  }

  it.effect("one that broke after it as if nothing were: nobody is asked again", () =>
    Effect.gen(function* () {
      const { gigachat, yandex } = yield* Vendors
      const before = [gigachat.chats().length, yandex.completions.length] as const
      const said = { choices: [{ delta: { role: "assistant", content: "Один" }, index: 0 }] }
      gigachat.next(Scripted.steps(Scripted.sseHead, Scripted.frame(said), Scripted.reset))
      const half = Yandex.envelope({ text: "Один", status: "ALTERNATIVE_STATUS_PARTIAL" })
      yandex.next(() =>
        Scripted.steps(
          Scripted.head(200, { "content-type": "application/json" }),
          Scripted.write(`${JSON.stringify(half)}\n`),
          Scripted.reset
        )
      )
      for (const model of ["both", "other"]) {
        const { content, error, isDone } = yield* ask(model, { stream: true })
        assert.deepStrictEqual([content, error.code, isDone], ["Один", "provider_error", false])
      }
      assert.deepStrictEqual([gigachat.chats().length, yandex.completions.length], [before[0] + 1, before[1] + 1])
    })
  )

  it.effect("half an emoji, where its two halves came in two deltas", () =>
    Effect.gen(function* () {
      const { gigachat, vendorSays, yandex } = yield* Vendors
      const [high, low] = ["\\ud83d", "\\ude00"]
      const delta = (text: string, finish = "null") =>
        `{"choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":${finish}}]}`
      const pieces = [delta(`Привет ${high}`), delta(`${low}!`), delta("", '"stop"'), "[DONE]"]
      gigachat.next(Scripted.sse(...pieces))
      vendorSays(Scripted.sse(...pieces))
      const snapshot = (text: string, status: string) =>
        `{"result":{"alternatives":[{"message":{"role":"assistant","text":"${text}"},"status":"ALTERNATIVE_STATUS_${status}"}]}}`
      yandex.next(() =>
        Yandex.lines([snapshot(`Привет ${high}`, "PARTIAL"), snapshot(`Привет ${high}${low}!`, "FINAL")])
      )
      for (const model of [gigaChatModel, yandexModel, "vendor/m"]) {
        assert.deepStrictEqual(deltas(yield* ask(model, { stream: true })), ["Привет ", "😀!"], model)
      }
    })
  )

  it.effect("how events were written: CRLF, BOM, several lines of data, no space, comments, no `[DONE]`", () =>
    Effect.gen(function* () {
      const { gigachat, vendorSays } = yield* Vendors
      const [first, second, last] = [
        '{"choices":[{"index":0,\r\ndata:"delta":{"role":"assistant","content":"Раз, "}}]}',
        '{"choices":[{"index":0,"delta":{"content":"два."}}]}',
        '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
      ]
      for (const body of [
        `\uFEFF: PROCESSING\r\n\r\ndata:${first}\r\n\r\n: again\r\ndata:${second}\r\n\r\nretry: 3000\r\n\r\ndata: ${last}\r\n\r\n`,
        `\uFEFFevent: message\rid: 7\rdata:${first}\r\rdata: ${second}\r\rdata:${last}`
      ]) {
        const step = Scripted.steps(Scripted.sseHead, Scripted.write(body), Scripted.end)
        gigachat.next(step)
        vendorSays(step)
        for (const model of [gigaChatModel, "vendor/m"]) {
          const heard = yield* ask(model, { stream: true })
          assert.deepStrictEqual([heard.content, heard.finish, heard.isDone], ["Раз, два.", "stop", true])
        }
      }
    })
  )

  it.effect("the empty ids, types and names of vLLM's later deltas", () =>
    Effect.gen(function* () {
      const { vendorSays } = yield* Vendors
      const chunk = (delta: object, finish: string | null = null) => ({
        choices: [{ index: 0, delta, finish_reason: finish }]
      })
      const call = (id: string, type: string, name: string, text: string) =>
        chunk({ tool_calls: [{ index: 0, id, type, function: { name, arguments: text } }] })
      vendorSays(
        Scripted.sse(
          chunk({ role: "assistant", content: "" }),
          call("chatcmpl-tool-1", "function", "weather", ""),
          call("", "", "", '{"city":'),
          call("", "", "", '"Тула"}'),
          chunk({}, "tool_calls"),
          "[DONE]"
        )
      )
      const { calls, chunks, finish } = yield* ask("vendor/m", { stream: true, tools: [tool("weather")] })
      assert.deepStrictEqual(calls, [{ id: "chatcmpl-tool-1", name: "weather", arguments: '{"city":"Тула"}' }])
      assert.strictEqual(finish, "tool_calls")
      assert.notInclude(JSON.stringify(chunks), '"id":"",')
      assert.notInclude(JSON.stringify(chunks), '"name":""')
    })
  )
})

/** An OpenAI-like answer of these words. */
const spoken = (content: string, stream: boolean): Scripted.Step =>
  stream
    ? Scripted.sse({ choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: "stop" }] }, "[DONE]")
    : Scripted.json(200, { choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }] })
