import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../../../src/domain/Json.ts"
import * as Scripted from "../../support/ScriptedUpstream.ts"
import * as Vendor from "../../support/VendorUpstream.ts"
import { Vendors } from "./vendorClient.ts"

const weather = { type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }
const news = { type: "function", function: { name: "news", parameters: { type: "object", properties: {} } } }
const tools = [weather, news]

/** A turn in which the assistant thought, called a tool and thought again. */
const history = [
  { role: "developer", content: "Отвечай кратко" },
  { role: "user", content: "Погода?" },
  {
    role: "assistant",
    content: null,
    reasoning_content: "Спрошу.",
    tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: "{}" } }]
  },
  { role: "tool", tool_call_id: "c1", content: "21" },
  { role: "assistant", content: "21 °C", reasoning_content: "Готово." },
  { role: "user", content: "Спасибо" }
]

const rolesSent = (body: JsonObject) => (body["messages"] as ReadonlyArray<JsonObject>).map(({ role }) => role)
const thoughtsSent = (body: JsonObject) =>
  (body["messages"] as ReadonlyArray<JsonObject>).map((message) => message["reasoning_content"])

layer(Vendors.layer, { excludeTestServices: true })("through the gateway, an OpenAI client", (it) => {
  for (const stream of [false, true]) {
    const as = stream ? "streamed" : "whole"

    it.effect(`of a reasoning model of OpenAI's gets its length, and is told what it does without (${as})`, () =>
      Effect.gen(function* () {
        const { ask, sent } = yield* Vendors
        for (const model of ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini", "gpt-5.4"]) {
          const sampling = { temperature: 0.2, top_p: 0.9 }
          const heard = yield* ask(stream, { model: `openai/${model}`, max_tokens: 64, ...sampling })
          assert.deepStrictEqual([heard.text, heard.dropped], ["Да.", "temperature,top_p"], model)
          const body = sent("openai")
          assert.strictEqual(body["max_completion_tokens"], 64)
          for (const name of ["max_tokens", "temperature", "top_p"]) assert.notProperty(body, name)
        }
        // What is the default anyway is not missed.
        assert.isNull((yield* ask(stream, { model: "openai/o3", temperature: 1, presence_penalty: 0 })).dropped)
      })
    )

    it.effect(`of a model of OpenAI's that does not think is passed on as it came (${as})`, () =>
      Effect.gen(function* () {
        const { ask, sent } = yield* Vendors
        for (const model of ["gpt-4o-mini", "gpt-5-chat-latest", "omni-moderation"]) {
          assert.isNull(
            (yield* ask(stream, { model: `openai/${model}`, max_tokens: 64, temperature: 0.2, stop: "x" })).dropped
          )
          assert.deepInclude(sent("openai"), { model, max_tokens: 64, temperature: 0.2, stop: "x" })
        }
        const effortless = { model: "openai/gpt-5.4", reasoning_effort: "none", temperature: 0.2 } as const
        assert.isNull((yield* ask(stream, effortless)).dropped)
        assert.deepInclude(sent("openai"), { reasoning_effort: "none", temperature: 0.2 })
      })
    )

    it.effect(`has its stop kept by a model that does not know any (${as})`, () =>
      Effect.gen(function* () {
        const { ask, sent, upstreams } = yield* Vendors
        upstreams.openai.next(Vendor.says({ content: "Раз, два, три" }))
        const heard = yield* ask(stream, { model: "openai/o3", stop: ", три" })
        assert.deepStrictEqual([heard.text, heard.finish, heard.dropped], ["Раз, два", "stop", null])
        assert.notProperty(sent("openai"), "stop")
      })
    )

    it.effect(
      `may send the thoughts of another vendor's model to OpenAI, and is told that they are left out (${as})`,
      () =>
        Effect.gen(function* () {
          const { ask, sent } = yield* Vendors
          const { dropped } = yield* ask(stream, { model: "openai/gpt-4o-mini", tools }, history)
          assert.strictEqual(dropped, "reasoning_content")
          assert.deepStrictEqual(rolesSent(sent("openai"))[0], "developer")
          assert.isTrue(thoughtsSent(sent("openai")).every((thoughts) => thoughts === undefined))
        })
    )

    it.effect(`of DeepSeek sees the thoughts, the cached tokens, and gives the thoughts back (${as})`, () =>
      Effect.gen(function* () {
        const { ask, sent, upstreams } = yield* Vendors
        upstreams.deepseek.next(
          Vendor.tells(
            {
              message: { content: "9,8", reasoning_content: "Сравню." },
              usage: {
                prompt_tokens: 12,
                completion_tokens: 5,
                total_tokens: 17,
                prompt_cache_hit_tokens: 8,
                prompt_cache_miss_tokens: 4,
                completion_tokens_details: { reasoning_tokens: 3 }
              }
            },
            [{ reasoning_content: "Срав" }, { reasoning_content: "ню." }, { content: "9,8" }]
          )
        )
        const thinking = { type: "enabled" }
        const asked = { model: "deepseek/deepseek-v4-pro", max_completion_tokens: 9, tools }
        const heard = yield* ask(stream, { ...asked, thinking, reasoning_effort: "high" }, history)
        assert.deepStrictEqual([heard.thoughts, heard.text, heard.dropped], ["Сравню.", "9,8", null])
        assert.strictEqual(heard.usage?.prompt_tokens_details?.cached_tokens, 8)
        assert.strictEqual(heard.usage?.completion_tokens_details?.reasoning_tokens, 3)
        const body = sent("deepseek")
        assert.deepInclude(body, { model: "deepseek-v4-pro", thinking, reasoning_effort: "high", max_tokens: 9 })
        assert.notProperty(body, "max_completion_tokens")
        assert.strictEqual(rolesSent(body)[0], "system")
        assert.deepStrictEqual(thoughtsSent(body), [undefined, undefined, "Спрошу.", undefined, "Готово.", undefined])
      })
    )

    it.effect(`of DeepSeek's first reasoner keeps the thoughts beside calls and no others (${as})`, () =>
      Effect.gen(function* () {
        const { ask, sent } = yield* Vendors
        const { dropped } = yield* ask(stream, { model: "deepseek/deepseek-reasoner", tools }, history)
        assert.strictEqual(dropped, "reasoning_content")
        assert.deepStrictEqual(thoughtsSent(sent("deepseek")).filter(Boolean), ["Спрошу."])
      })
    )

    it.effect(`gets a JSON schema kept to by DeepSeek, which has none (${as})`, () =>
      Effect.gen(function* () {
        const { ask, sent, upstreams } = yield* Vendors
        upstreams.deepseek.next(Vendor.says({ content: '```json\n{"t":21}\n```' }))
        const schema = { type: "object", properties: { t: { type: "integer" } }, required: ["t"] }
        const heard = yield* ask(stream, {
          model: "deepseek/deepseek-v4-pro",
          response_format: { type: "json_schema", json_schema: { name: "t", schema } }
        })
        assert.deepStrictEqual(JSON.parse(heard.text), { t: 21 })
        assert.notStrictEqual((sent("deepseek")["response_format"] as JsonObject | undefined)?.["type"], "json_schema")
      })
    )

    it.effect(`is told that DeepSeek gave up, and that its balance is used up, which no second try mends (${as})`, () =>
      Effect.gen(function* () {
        const { refused, upstreams } = yield* Vendors
        const { deepseek } = upstreams
        deepseek.next(Vendor.tells({ message: {}, finish: "insufficient_system_resource" }, []))
        const before = deepseek.posted().length
        const model = "deepseek/deepseek-v4-pro"
        const [, gaveUp] = yield* refused(stream, { model })
        // Another try may find a place: it was asked again, and answered.
        assert.deepStrictEqual([gaveUp, deepseek.posted().length], [{}, before + 2])
        deepseek.next(() =>
          Scripted.json(402, { error: { message: "Insufficient Balance", code: "invalid_request_error" } })
        )
        const [status, error] = yield* refused(stream, { model })
        assert.strictEqual(status, 502)
        assert.strictEqual((error["details"] as JsonObject)["reason"], "provider_failed")
        assert.include(error["message"], "balance")
        assert.strictEqual(deepseek.posted().length, before + 3)
      })
    )

    it.effect(
      `of OpenRouter is named as the operator wishes, sees \`reasoning\`, and an error inside a 200 (${as})`,
      () =>
        Effect.gen(function* () {
          const { ask, refused, sent, upstreams } = yield* Vendors
          const { openrouter } = upstreams
          openrouter.next(Vendor.says({ reasoning: "Так.", content: "Да." }))
          const asked = { model: "openrouter/deepseek/deepseek-r1", usage: { include: true }, transforms: [] }
          const heard = yield* ask(stream, asked)
          assert.deepStrictEqual([heard.thoughts, heard.text], ["Так.", "Да."])
          assert.deepInclude(sent("openrouter"), { model: "deepseek/deepseek-r1", usage: { include: true } })
          const { headers } = openrouter.requests.at(-1) ?? { headers: {} }
          assert.deepInclude(headers, { "http-referer": "https://shop.example", "x-title": "Shop" })
          const error = { code: 400, message: "This model is not for you" }
          openrouter.next(() =>
            stream ? Scripted.sse({ id: "gen-1", choices: [], error }) : Scripted.json(200, { error })
          )
          const [status, told] = yield* refused(stream, { model: "openrouter/x/y" })
          assert.strictEqual(status, 400)
          assert.include(told["message"], "This model is not for you")
        })
    )

    it.effect(
      `of Ollama may leave the choice of a tool to it, forbid all, and is refused what cannot be done (${as})`,
      () =>
        Effect.gen(function* () {
          const { ask, refused, sent, upstreams } = yield* Vendors
          const model = "ollama/qwen3:8b"
          upstreams.ollama.next(
            Vendor.tells({
              message: {
                tool_calls: [{ index: 0, id: "", function: { name: "weather", arguments: '{"city":"Тула"}' } }]
              },
              finish: "tool_calls"
            })
          )
          const heard = yield* ask(stream, { model, tools, tool_choice: "auto", max_completion_tokens: 5 })
          assert.deepStrictEqual(
            heard.calls.map((call) => [call.name, call.arguments, call.id !== ""]),
            [["weather", '{"city":"Тула"}', true]]
          )
          assert.notProperty(sent("ollama"), "tool_choice")
          assert.deepInclude(sent("ollama"), { max_tokens: 5, tools })
          yield* ask(stream, { model, tools, tool_choice: "none" })
          assert.notProperty(sent("ollama"), "tools")

          const before = upstreams.ollama.posted().length
          for (const [body, param] of [
            [{ tools, tool_choice: { type: "function", function: { name: "gone" } } }, "tool_choice"],
            [{ logit_bias: { "1": 2 } }, "logit_bias"]
          ] as const) {
            const [status, error] = yield* refused(stream, { model, ...body })
            assert.deepStrictEqual([status, error["param"]], [400, param])
          }
          const image = (url: string) => [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }]
          const [status, error] = yield* refused(stream, { model }, image("https://example.org/cat.png"))
          assert.deepStrictEqual([status, error["param"]], [400, "messages[0].content[0].image_url"])
          assert.strictEqual(upstreams.ollama.posted().length, before)
          yield* ask(stream, { model }, image("data:image/png;base64,AAAA"))
          assert.deepStrictEqual(sent("ollama")["messages"], image("data:image/png;base64,AAAA"))
        })
    )

    for (const vendor of ["ollama", "zai", "yandex"] as const) {
      it.effect(`of ${vendor}, which cannot be made to call a tool, gets the call that it requires (${as})`, () =>
        Effect.gen(function* () {
          const { ask, sent, upstreams } = yield* Vendors
          const model = `${vendor}/${vendor === "yandex" ? "gemma-3-27b-it/latest" : "m"}`
          for (const choice of ["required", { type: "function", function: { name: "weather" } }]) {
            upstreams[vendor].next(
              Vendor.says({ content: "Не знаю" }),
              Vendor.tells({
                message: { tool_calls: [{ index: 0, id: "c1", function: { name: "weather", arguments: "{}" } }] },
                finish: "tool_calls"
              })
            )
            const heard = yield* ask(stream, { model, tools, tool_choice: choice })
            assert.deepStrictEqual(
              [heard.text, heard.calls.map(({ name }) => name), heard.dropped],
              ["", ["weather"], null]
            )
            assert.deepStrictEqual(sent(vendor)["tools"], choice === "required" ? tools : [weather])
            assert.notProperty(sent(vendor), "tool_choice")
            assert.deepStrictEqual(rolesSent(sent(vendor)), ["system", "user", "assistant", "user"])
          }
        })
      )
    }

    it.effect(`of LM Studio may force one function, and gets its JSON object (${as})`, () =>
      Effect.gen(function* () {
        const { ask, refused, sent, upstreams } = yield* Vendors
        const model = "lmstudio/google/gemma-4-12b"
        yield* ask(stream, { model, tools, tool_choice: { type: "function", function: { name: "news" } } })
        assert.deepInclude(sent("lmstudio"), { model: "google/gemma-4-12b", tools: [news], tool_choice: "required" })
        yield* ask(stream, { model, tools, tool_choice: "required" })
        assert.deepInclude(sent("lmstudio"), { tools, tool_choice: "required" })
        const unknown = { type: "function", function: { name: "gone" } } as const
        const [status, error] = yield* refused(stream, { model, tools, tool_choice: unknown })
        assert.deepStrictEqual([status, error["param"]], [400, "tool_choice"])
        upstreams.lmstudio.next(Vendor.says({ content: 'Вот: {"a":1}' }))
        const heard = yield* ask(stream, { model, response_format: { type: "json_object" } })
        assert.deepStrictEqual(JSON.parse(heard.text), { a: 1 })
      })
    )

    it.effect(`of a model whose server does not part its thoughts from its text gets them apart (${as})`, () =>
      Effect.gen(function* () {
        const { ask, upstreams } = yield* Vendors
        for (const vendor of ["vllm", "ollama", "lmstudio", "cloudru", "mws"] as const) {
          upstreams[vendor].next(
            Vendor.tells({ message: { content: "<think>Сравню.</think>\n\n9,8" } }, [
              { role: "assistant", content: "" },
              { content: "<th" },
              { content: "ink>Сравню.</" },
              { content: "think>\n\n9," },
              { content: "8" }
            ])
          )
          const { text, thoughts } = yield* ask(stream, { model: `${vendor}/Qwen/Qwen3-8B` })
          assert.deepStrictEqual([thoughts, text], ["Сравню.", "9,8"], vendor)
        }
      })
    )

    it.effect(`reaches Z.AI under its own path, and models whose names have a slash (${as})`, () =>
      Effect.gen(function* () {
        const { ask, sent, upstreams } = yield* Vendors
        const thinking = { type: "disabled" }
        const heard = yield* ask(stream, { model: "zai/glm-5.2", thinking, presence_penalty: 1, seed: 7 }, history)
        assert.deepStrictEqual([heard.text, heard.dropped], ["Да.", "seed,presence_penalty"])
        assert.strictEqual(upstreams.zai.requests.at(-1)?.path, "/api/paas/v4/chat/completions")
        assert.deepInclude(sent("zai"), { thinking })
        for (const vendor of ["cloudru", "mws", "vllm"] as const) {
          const { text } = yield* ask(stream, { model: `${vendor}/openai/gpt-oss-120b`, top_k: 5 }, history)
          assert.strictEqual(text, "Да.")
          assert.deepInclude(sent(vendor), { model: "openai/gpt-oss-120b", top_k: 5 })
          assert.deepStrictEqual([rolesSent(sent(vendor))[0], thoughtsSent(sent(vendor))[4]], ["system", "Готово."])
        }
      })
    )
  }

  it.effect("of Yandex AI Studio names models without folder, and no other folder's", () =>
    Effect.gen(function* () {
      const { ask, refused, sent, upstreams } = yield* Vendors
      const model = "yandex/qwen3-235b-a22b-fp8/latest"
      for (const stream of [false, true]) {
        upstreams.yandex.next(Vendor.says({ content: "Раз, два" }))
        const heard = yield* ask(stream, { model, stop: ", два", seed: 7, max_completion_tokens: 5 }, history)
        assert.deepStrictEqual([heard.text, heard.dropped], ["Раз", "seed"])
        const body = sent("yandex")
        assert.deepInclude(body, { model: `gpt://${Vendor.folder}/qwen3-235b-a22b-fp8/latest`, max_tokens: 5 })
        assert.isAbove(heard.usage?.completion_tokens ?? 0, 0)
      }
      const { headers } = upstreams.yandex.requests.at(-1) ?? { headers: {} }
      assert.deepInclude(headers, { "openai-project": Vendor.folder, "x-data-logging-enabled": "false" })

      const before = upstreams.yandex.posted().length
      const [status, error] = yield* refused(false, { model: "yandex/gpt://b1gother/qwen3/latest" })
      assert.deepStrictEqual([status, error["code"]], [404, "validation_error"])
      assert.strictEqual(upstreams.yandex.posted().length, before)
      yield* ask(false, { model: `yandex/gpt://${Vendor.folder}/qwen3/latest` })
      // Its folder is nobody's business.
      upstreams.yandex.next(() => Scripted.json(400, { error: { message: `No model in ${Vendor.folder}` } }))
      const [, told] = yield* refused(false, { model })
      assert.include(told["message"], "No model in ***")
    })
  )

  it.effect("of Yandex AI Studio lists its models without folder, and embeds texts one by one", () =>
    Effect.gen(function* () {
      const { openai, sent } = yield* Vendors
      const { data } = yield* Effect.promise(() =>
        openai.embeddings.create({
          model: "yandex/text-search-doc/latest",
          input: ["а", "бб", "ввв"],
          encoding_format: "float"
        })
      )
      const lengths = data.map(({ embedding: [length], index }) => [index, length])
      assert.deepStrictEqual(lengths, [
        [0, 1],
        [1, 2],
        [2, 3]
      ])
      assert.deepInclude(sent("yandex"), { model: `emb://${Vendor.folder}/text-search-doc/latest`, input: "ввв" })
      const list = yield* Effect.promise(() => openai.models.list())
      assert.includeMembers(
        list.data.map(({ id }) => id),
        ["yandex/gemma-3-27b-it/latest", "yandex/text-search-doc/latest"]
      )
    })
  )

  it.effect("is served by another vendor where the first one's balance is used up", () =>
    Effect.gen(function* () {
      const { ask, sent, upstreams } = yield* Vendors
      for (const stream of [false, true]) {
        upstreams.deepseek.next(() => Scripted.json(402, { error: { message: "Insufficient Balance" } }))
        assert.strictEqual((yield* ask(stream, { model: "either" })).text, "Да.")
        assert.strictEqual(sent("vllm")["model"], "Qwen/Qwen3-8B")
      }
    })
  )

  it.effect(
    "of vLLM gets usage that it did not ask for itself billed, and later deltas with empty ids put together",
    () =>
      Effect.gen(function* () {
        const { ask, sent, upstreams } = yield* Vendors
        upstreams.vllm.next(
          Vendor.tells({ message: {}, finish: "tool_calls" }, [
            { tool_calls: [{ index: 0, id: "c1", type: "function", function: { name: "weather", arguments: "" } }] },
            { tool_calls: [{ index: 0, id: "", type: "", function: { name: "", arguments: '{"city":' } }] },
            { tool_calls: [{ index: 0, id: "", type: "", function: { name: "", arguments: '"Тула"}' } }] }
          ])
        )
        const heard = yield* ask(true, { model: "vllm/Qwen/Qwen3-8B", tools })
        assert.deepStrictEqual(heard.calls, [{ id: "c1", name: "weather", arguments: '{"city":"Тула"}' }])
        assert.deepStrictEqual(sent("vllm")["stream_options"], { include_usage: true })
      })
  )
})
