import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import { isJsonObject, type Json, type JsonObject } from "../../src/domain/Json.ts"
import { ChatChunks } from "../../src/gateway/ChatChunks.ts"
import { ChatCompletion } from "../../src/gateway/ChatCompletion.ts"

const head = { id: "chatcmpl-1", created: 1_790_000_000, model: 'a "quoted" model' }
const usage = { promptTokens: 9, completionTokens: 3, cachedTokens: 2, reasoningTokens: 1 }
const wholeUsage = {
  prompt_tokens: 9,
  completion_tokens: 3,
  total_tokens: 12,
  prompt_tokens_details: { cached_tokens: 2 },
  completion_tokens_details: { reasoning_tokens: 1 }
}

/** The data of the frames of some text, each of which is one `data` line and a blank one. */
const data = (frames: string): ReadonlyArray<string> =>
  frames.split(/(?<=\n\n)/).map((frame) => {
    assert.match(frame, /^data: [^\n]+\n\n$/)
    return frame.slice(6, -2)
  })

/** The chunks of some text. */
const chunks = (frames: string) => (frames === "" ? [] : data(frames).map((text) => JSON.parse(text)))

const chunksOf = (events: ReadonlyArray<ChatEvent>, isUsageWanted = false) =>
  chunks(new ChatChunks(head, isUsageWanted).frames(events))

/** The deltas of the only choice, but for the first, which names the role. */
const deltas = (...events: ReadonlyArray<ChatEvent>) =>
  chunksOf(events)
    .slice(1)
    .map(({ choices }) => choices[0].delta)

const text = (text: string, choice = 0): ChatEvent => ({ _tag: "TextDelta", choice, text })
const finished: ChatEvent = { _tag: "ChoiceFinished", choice: 0, reason: "stop" }

const same = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_790_000_000, model: 'a "quoted" model' }

describe("ChatChunks", () => {
  it("are OpenAI's frames, field by field, and name the role first", () => {
    assert.deepStrictEqual(chunksOf([{ _tag: "Started" }, text('Привет\n"мир"\u2028'), finished]), [
      { ...same, choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] },
      { ...same, choices: [{ index: 0, delta: { content: 'Привет\n"мир"\u2028' }, finish_reason: null }] },
      { ...same, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }
    ])
  })

  it("end with [DONE], and say nothing of usage that nobody asked for", () => {
    const writer = new ChatChunks(head, false)
    const [role, said] = chunks(writer.frames([text("a"), { _tag: "Finished", usage }]))
    assert.notProperty(role, "usage")
    assert.notProperty(said, "usage")
    assert.strictEqual(writer.end(usage), "data: [DONE]\n\n")
  })

  it("say usage null until a last chunk without choices tells it, where it is asked for", () => {
    const writer = new ChatChunks(head, true)
    for (const chunk of chunks(writer.frames([text("a"), finished, { _tag: "Finished", usage }])))
      assert.isNull(chunk.usage)
    const [last, done] = data(writer.end(usage))
    assert.deepStrictEqual(JSON.parse(last ?? ""), { ...same, choices: [], usage: wholeUsage })
    assert.strictEqual(done, "[DONE]")
  })

  it("say nothing where the events say nothing to a client", () => {
    const writer = new ChatChunks(head, true)
    assert.strictEqual(writer.frames([]), "")
    assert.strictEqual(writer.frames([{ _tag: "Started", upstreamModel: "secret-name" }]), "")
    assert.strictEqual(writer.frames([{ _tag: "Finished", usage }]), "")
  })

  it("name the role once for each choice, whatever it begins with and however the events are packed", () => {
    const writer = new ChatChunks(head, false)
    const all = [text("a", 1), text("b", 0), text("c", 1), { ...finished, choice: 2 }].flatMap((event) =>
      chunks(writer.frames([event]))
    )
    assert.deepStrictEqual(
      all.map(({ choices: [choice] }) => [choice.index, choice.delta.role ?? "-"]),
      [
        [1, "assistant"],
        [1, "-"],
        [0, "assistant"],
        [0, "-"],
        [1, "-"],
        [2, "assistant"],
        [2, "-"]
      ]
    )
  })

  it("tell a tool call's id, type and name once, and its arguments in pieces", () => {
    assert.deepStrictEqual(
      deltas(
        { _tag: "ToolCallDelta", choice: 0, call: 1, id: "call_b", name: "weather", arguments: "" },
        { _tag: "ToolCallDelta", choice: 0, call: 1, arguments: '{"city"' },
        { _tag: "ToolCallDelta", choice: 0, call: 1, arguments: ':"Тула"}' }
      ),
      [
        {
          tool_calls: [{ index: 1, id: "call_b", type: "function", function: { name: "weather", arguments: "" } }]
        },
        { tool_calls: [{ index: 1, function: { arguments: '{"city"' } }] },
        { tool_calls: [{ index: 1, function: { arguments: ':"Тула"}' } }] }
      ]
    )
  })

  it("tell a custom tool's call in its own words", () => {
    assert.deepStrictEqual(
      deltas(
        { _tag: "ToolCallDelta", choice: 0, call: 0, isCustom: true, id: "call_a", name: "sql", arguments: "" },
        { _tag: "ToolCallDelta", choice: 0, call: 0, isCustom: true, arguments: "select 1" }
      ),
      [
        { tool_calls: [{ index: 0, id: "call_a", type: "custom", custom: { name: "sql", input: "" } }] },
        { tool_calls: [{ index: 0, custom: { input: "select 1" } }] }
      ]
    )
  })

  it("tell reasoning as reasoning_content, and pass on fields of the message", () => {
    assert.deepStrictEqual(
      deltas(
        { _tag: "ReasoningDelta", choice: 0, text: "Думаю" },
        { _tag: "ChoiceExtra", choice: 0, delta: { refusal: "нет", annotations: [] } }
      ),
      [{ reasoning_content: "Думаю" }, { refusal: "нет", annotations: [] }]
    )
  })

  it("put what stands beside a delta beside it, and top fields on every chunk, the last one too", () => {
    const writer = new ChatChunks(head, true)
    const all = chunks(
      writer.frames([
        { _tag: "Started", extra: { system_fingerprint: "fp" } },
        { _tag: "TextDelta", choice: 0, text: "a", extra: { logprobs: { content: [] } } }
      ]) +
        data(writer.end(usage))
          .slice(0, 1)
          .map((text) => `data: ${text}\n\n`)
    )
    assert.deepStrictEqual(
      all.map((chunk) => chunk.system_fingerprint),
      ["fp", "fp", "fp"]
    )
    assert.deepStrictEqual(all[1].choices, [
      { index: 0, delta: { content: "a" }, logprobs: { content: [] }, finish_reason: null }
    ])
  })

  it("are not spoilt by fields that are empty", () => {
    const all = chunksOf([
      { _tag: "Started", extra: {} },
      { _tag: "TextDelta", choice: 0, text: "a", extra: {} },
      { _tag: "ChoiceExtra", choice: 0, delta: {} }
    ])
    assert.deepStrictEqual(
      all.map(({ choices }) => choices[0].delta),
      [{ role: "assistant", content: "" }, { content: "a" }, {}]
    )
  })
})

// What a client makes of the chunks must be what it would have had in one piece.

const Choice = Schema.Literals([0, 1])
const Call = Schema.Literals([0, 1, 2])
const Step = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("text"), choice: Choice, text: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("reasoning"), choice: Choice, text: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("call"), choice: Choice, call: Call, text: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("refusal"), choice: Choice, text: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("logprobs"), choice: Choice, text: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("annotation"), choice: Choice, text: Schema.String })
])

/** A call's first delta names it, as the events' contract has it; the last of the three is a custom tool's. */
const eventsOf = (steps: ReadonlyArray<typeof Step.Type>): ReadonlyArray<ChatEvent> => {
  const named = new Set<string>()
  const events = steps.map((step): ChatEvent => {
    const { choice, text } = step
    switch (step.kind) {
      case "text":
        return { _tag: "TextDelta", choice, text }
      case "reasoning":
        return { _tag: "ReasoningDelta", choice, text }
      case "refusal":
        return { _tag: "ChoiceExtra", choice, delta: { refusal: text } }
      case "annotation":
        return { _tag: "ChoiceExtra", choice, delta: { annotations: [{ text }] } }
      case "logprobs":
        return { _tag: "TextDelta", choice, text, extra: { logprobs: { content: [{ token: text }] } } }
      case "call": {
        const { call } = step
        const id = `call_${choice}_${call}`
        const isFirst = !named.has(id)
        named.add(id)
        return {
          _tag: "ToolCallDelta",
          choice,
          call,
          arguments: text,
          ...(call === 2 ? { isCustom: true } : {}),
          ...(isFirst ? { id, name: `tool_${call}` } : {})
        }
      }
    }
  })
  const finishes = [0, 1].map((choice): ChatEvent => ({ _tag: "ChoiceFinished", choice, reason: "stop" }))
  return [{ _tag: "Started" }, ...events, ...finishes, { _tag: "Finished", usage }]
}

/** As OpenAI's client puts chunks together: texts are joined, lists put by their `index` or else end to end, objects merged. */
const merged = (before: Json | undefined, piece: Json | undefined): Json | undefined => {
  if (before === undefined || before === null) return piece
  if (piece === undefined || piece === null) return before
  if (typeof before === "string" && typeof piece === "string") return before + piece
  if (Array.isArray(before) && Array.isArray(piece)) {
    const list: Array<Json> = [...before]
    for (const item of piece) {
      const at =
        isJsonObject(item) && "index" in item ? list.findIndex((known) => indexOf(known) === indexOf(item)) : -1
      if (at === -1) list.push(item)
      else list[at] = merged(list[at], item) ?? null
    }
    return list
  }
  if (isJsonObject(before) && isJsonObject(piece)) {
    const object: Record<string, Json | undefined> = { ...before }
    for (const [key, value] of Object.entries(piece)) {
      object[key] = key === "index" || key === "finish_reason" ? (value ?? null) : merged(object[key], value)
    }
    return object
  }
  return piece
}

const indexOf = (item: Json | undefined) => (isJsonObject(item) ? Number(item["index"]) : 0)

/** Both forms of a choice without what they say differently and means the same. */
const plain = (choice: JsonObject) => {
  const { message, delta, logprobs, ...beside } = choice
  const said = isJsonObject(message) ? message : isJsonObject(delta) ? delta : {}
  const { content, refusal, tool_calls, ...more } = said
  const calls: ReadonlyArray<Json> = Array.isArray(tool_calls) ? tool_calls : []
  return {
    ...beside,
    ...more,
    content: content ?? "",
    refusal: refusal ?? "",
    logprobs: logprobs ?? null,
    tool_calls: calls
      .toSorted((a, b) => indexOf(a) - indexOf(b))
      .map((call) => (isJsonObject(call) ? { ...call, index: undefined } : call))
  }
}

describe("ChatChunks and ChatCompletion", () => {
  it.prop("make one answer of the same events", { steps: Schema.Array(Step), size: Call }, ({ steps, size }) => {
    const events = eventsOf(steps)
    const completion = new ChatCompletion()
    completion.add(events)
    const whole = JSON.parse(completion.body(head, usage))

    const writer = new ChatChunks(head, true)
    let frames = ""
    for (let at = 0; at < events.length; at += size + 1) frames += writer.frames(events.slice(at, at + size + 1))
    const [last] = data(writer.end(usage))
    const together = [...chunks(frames), JSON.parse(last ?? "")].reduce((all, chunk) => ({
      ...chunk,
      choices: merged(all.choices, chunk.choices)
    }))

    const choices: ReadonlyArray<JsonObject> = together.choices
    assert.deepStrictEqual(choices.toSorted((a, b) => indexOf(a) - indexOf(b)).map(plain), whole.choices.map(plain))
    const { id, created, model, usage: told } = whole
    assert.deepInclude(together, { id, created, model, usage: told })
  })
})
