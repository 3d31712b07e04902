import { isJsonObject, type Json, type JsonObject } from "../../src/domain/Json.ts"
import type { Answer } from "./GigaChatUpstream.ts"
import { close, end, head, json, type Step, steps, wait, write } from "./ScriptedUpstream.ts"

/** How v2 of GigaChat's chats is written, as its SDK's recordings have it. What it means is v1's, whose rules hold. */

// Requests

/** A body of v2 in v1's words, or what of it is no v2. */
export const asV1 = (body: unknown): JsonObject | string => {
  if (!isJsonObject(body)) return "invalid JSON syntax"
  const { disable_filter, flags, messages, model, model_options: options, ranker_options, stream } = body
  const wrong =
    strange(body, fields) ??
    strange(options, optionFields) ??
    strange(isJsonObject(options) ? options["reasoning"] : undefined, ["effort"]) ??
    toolsFault(body)
  if (wrong !== undefined) return wrong
  const told: Array<JsonObject> = []
  for (const message of list(messages)) {
    const read = messageAsV1(message, told.at(-1))
    if (typeof read === "string") return read
    told.push(read)
  }
  const { reasoning, ...sampling } = isJsonObject(options) ? options : {}
  return given({
    model,
    messages: told,
    ...sampling,
    reasoning_effort: isJsonObject(reasoning) ? reasoning["effort"] : undefined,
    functions: specificationsIn(body),
    function_call: choiceIn(body),
    profanity_check: typeof disable_filter === "boolean" ? !disable_filter : disable_filter,
    function_ranker: ranker_options,
    flags,
    stream
  })
}

const fields = [
  "model",
  "messages",
  "model_options",
  "tools",
  "tool_config",
  "ranker_options",
  "disable_filter",
  "flags",
  "stream"
]
const optionFields = [
  "temperature",
  "top_p",
  "max_tokens",
  "repetition_penalty",
  "update_interval",
  "reasoning",
  "response_format"
]

const strange = (value: Json | undefined, known: ReadonlyArray<string>): string | undefined => {
  if (value === undefined) return undefined
  if (!isJsonObject(value)) return "an object is needed"
  const name = Object.keys(value).find((name) => !known.includes(name))
  return name === undefined ? undefined : `${name} is no field of v2`
}

const list = (value: Json | undefined): ReadonlyArray<Json> => (Array.isArray(value) ? value : [])

const given = (fields: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const functionsOf = (tool: Json | undefined): Json | undefined => {
  const functions = isJsonObject(tool) && Object.keys(tool).join() === "functions" ? tool["functions"] : undefined
  return isJsonObject(functions) && Object.keys(functions).join() === "specifications"
    ? functions["specifications"]
    : undefined
}

const toolsFault = ({ tool_config: config, tools }: JsonObject): string | undefined => {
  if (tools !== undefined && !list(tools).every((tool) => Array.isArray(functionsOf(tool)))) {
    return "tools: each holds functions.specifications"
  }
  if (config === undefined) return undefined
  const mode = isJsonObject(config) ? config["mode"] : undefined
  if (mode === "forced") return strange(config, ["mode", "function_name"])
  return mode === "auto" || mode === "none" ? strange(config, ["mode"]) : "tool_config.mode is not known"
}

const specificationsIn = ({ tools }: JsonObject): Json | undefined =>
  tools === undefined ? undefined : list(tools).flatMap((tool) => list(functionsOf(tool)))

const choiceIn = ({ tool_config: config }: JsonObject): Json | undefined => {
  if (!isJsonObject(config)) return undefined
  return config["mode"] === "forced" ? given({ name: config["function_name"] }) : config["mode"]
}

const partKinds = new Set(["text", "files", "function_call", "function_result"])

/** `before` is the message before it, in v1's words: a result carries the state of its call. */
const messageAsV1 = (message: Json, before: JsonObject | undefined): JsonObject | string => {
  const wrong = strange(message, ["role", "content", "tools_state_id"])
  if (wrong !== undefined || !isJsonObject(message)) return wrong ?? ""
  const { content, role, tools_state_id: state } = message
  const parts = list(content).filter(isJsonObject)
  if (parts.length === 0 || parts.length !== list(content).length) return "content is not a list of parts"
  if (!parts.every((part) => Object.keys(part).length === 1 && partKinds.has(Object.keys(part).join()))) {
    return "a part holds one of text, files, function_call, function_result"
  }
  const of = (kind: string) => parts.flatMap((part) => (part[kind] === undefined ? [] : [part[kind]]))
  const text = of("text")
  if (!text.every((piece) => typeof piece === "string")) return "text is not a string"
  if (role === "tool") {
    const [result, ...more] = of("function_result").filter(isJsonObject)
    if (result === undefined || more.length > 0 || parts.length > 1) return "a tool's message holds one function_result"
    if (state !== before?.["functions_state_id"]) return "tools_state_id is not that of the call"
    return { role: "function", ...given({ name: result["name"] }), content: JSON.stringify(result["result"]) }
  }
  const [call, ...calls] = of("function_call")
  if (calls.length > 0) return "a message holds one function_call"
  if (role === "function") return "role function is v1's"
  const files = of("files").flatMap(list)
  return given({
    role,
    content: text.join(""),
    attachments:
      files.length === 0 ? undefined : files.map((file) => (isJsonObject(file) ? (file["id"] ?? null) : null)),
    function_call: call,
    functions_state_id: state
  })
}

// Answers

const about = { model: "GigaChat-3-Ultra:32.3.18.5", created_at: 1_780_321_864 }

/** The answer in v2's words, whole or in a stream. */
export const answering =
  ({ call, cut, finishReason, pieces, proceed, reasoning, usage }: Answer): Step =>
  (exchange) => {
    const { body } = exchange.request
    const isStream = isJsonObject(body) && body["stream"] === true
    const thought = reasoning === undefined ? [] : [{ role: "reasoning", content: [{ text: reasoning }] }]
    const called = call === undefined ? [] : [{ function_call: { name: call.name, arguments: call.arguments } }]
    const state = call?.stateId === undefined ? {} : { tool_state_id: call.stateId }
    const says = (content: ReadonlyArray<object>) => ({ role: "assistant", ...state, content })
    const last = { finish_reason: call === undefined ? finishReason : "function_call", usage: usageOf(usage) }
    if (!isStream) {
      const said = [...(pieces.length === 0 ? [] : [{ text: pieces.join("") }]), ...called]
      const answer = json(200, { ...about, messages: [...thought, says(said)], ...last })
      return (cut === undefined ? answer : close)(exchange)
    }
    const event = (name: string, data: object) =>
      write(`event: ${name}\ndata: ${JSON.stringify({ ...about, ...data })}\n\n`)
    const delta = (message: object) => event("response.message.delta", { messages: [message] })
    const said = [...thought, ...pieces.map((text) => says([{ text }])), ...called.map((part) => says([part]))].map(
      delta
    )
    return steps(
      head(200, { "content-type": "text/event-stream" }),
      ...said.slice(0, 1),
      ...(proceed === undefined ? [] : [wait(proceed)]),
      ...said.slice(1),
      // No `[DONE]`.
      ...(cut === undefined ? [event("response.message.done", last), end] : [cut === "end" ? end : close])
    )(exchange)
  }

/** Here the cached tokens are among the input's. */
const usageOf = (usage: unknown): JsonObject | undefined => {
  if (!isJsonObject(usage)) return undefined
  const cached = Number(usage["precached_prompt_tokens"])
  const input = Number(usage["prompt_tokens"]) + cached
  const output = Number(usage["completion_tokens"])
  return {
    input_tokens: input,
    input_tokens_details: { prompt_tokens: input, cached_tokens: cached },
    output_tokens: output,
    total_tokens: input + output
  }
}
