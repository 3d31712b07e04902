import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { ndjson } from "../../../src/providers/NdjsonFraming.ts"
import * as YandexDialect from "../../../src/providers/yandexgpt/YandexDialect.ts"
import * as Yandex from "../../support/YandexUpstream.ts"
import { framesIn, toldOf } from "../dialects.ts"
import { ask, call, provider } from "./Calls.ts"

const folder = new URL("golden/", import.meta.url)
const golden = (name: string) => readFileSync(new URL(name, folder), "utf8")
const requests = readdirSync(folder).filter((name) => name.endsWith(".json"))

describe("golden requests", () => {
  it.effect.each(requests)("%s reach a strict upstream as they are written down", (name) =>
    Effect.gen(function* () {
      const { openai, yandexgpt, dropped } = JSON.parse(golden(name))
      const yandex = yield* Yandex.make()
      const prepared = yield* ask(yield* provider(yandex), openai, openai.model.replace("yandexgpt/", ""))
      assert.deepStrictEqual(yandex.completions[0]?.body, yandexgpt)
      assert.deepStrictEqual(prepared.dropped, dropped)
    })
  )
})

describe("the golden stream of calls", () => {
  const tools = [{ type: "function", function: { name: "weather" } }]
  const dialect = YandexDialect.make({ provider: "yandexgpt", folderId: "b1gfolder", secrets: [] })

  /** Ids are made anew for each answer. */
  const told = (bytes: Uint8Array, packetSize: number): ReadonlyArray<ChatEvent> => {
    const packets = Array.from({ length: Math.ceil(bytes.length / packetSize) }, (_, index) =>
      bytes.subarray(index * packetSize, (index + 1) * packetSize)
    )
    const events = Result.getOrThrow(toldOf(dialect, call({ stream: true, tools }), framesIn(ndjson, ...packets)))
    return events.map((event) => (event._tag === "ToolCallDelta" ? { ...event, id: "made" } : event))
  }

  it("is text, then each call once, then the end, however it is cut and with its last line open", () => {
    const bytes = Buffer.from(golden("tool-calls.ndjson").trimEnd())
    for (const packetSize of [1, 7, 64, bytes.length]) {
      assert.deepStrictEqual(told(bytes, packetSize), [
        { _tag: "Started", upstreamModel: "18.01.2026" },
        { _tag: "TextDelta", choice: 0, text: "Смотрю" },
        {
          _tag: "ToolCallDelta",
          choice: 0,
          call: 0,
          id: "made",
          name: "weather",
          arguments: '{"city":"Тула","days":3}'
        },
        { _tag: "ToolCallDelta", choice: 0, call: 1, id: "made", name: "weather", arguments: '{"city":"Тверь"}' },
        { _tag: "ChoiceFinished", choice: 0, reason: "tool_calls" },
        {
          _tag: "Finished",
          usage: { promptTokens: 40, completionTokens: 21, cachedTokens: 0, reasoningTokens: 0 }
        }
      ])
    }
  })
})
