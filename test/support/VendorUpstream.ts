import { Effect, type Scope } from "effect"
import type { VendorName } from "../../src/config/Vendors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../src/domain/Json.ts"
import {
  end,
  frame,
  json,
  make as makeScripted,
  type Received,
  type ScriptedUpstream,
  sseHead,
  type Step,
  steps,
  write
} from "./ScriptedUpstream.ts"

/**
 * Upstreams that speak OpenAI's language in one vendor's way, and refuse what that vendor refuses, in its words. They answer "Да."
 * unless a test says otherwise.
 */
export interface VendorUpstream extends ScriptedUpstream {
  /** As the vendor's own, with its path. */
  readonly baseUrl: string
  /** How the next chats are answered, where they are not refused. */
  readonly next: (...answers: ReadonlyArray<(request: Received) => Step>) => void
  /** The bodies of what was posted, in the order of their arrival. */
  readonly posted: () => ReadonlyArray<JsonObject>
}

const paths: Readonly<Record<VendorName, string>> = {
  openai: "/v1",
  deepseek: "",
  openrouter: "/api/v1",
  zai: "/api/paas/v4",
  cloudru: "/v1",
  mws: "/v1",
  yandex: "/v1",
  vllm: "/v1",
  ollama: "/v1",
  lmstudio: "/v1"
}

export const folder = "b1gfolder"

export const make = Effect.fnUntraced(function* (
  vendor: VendorName,
  models: ReadonlyArray<unknown> = []
): Effect.fn.Return<VendorUpstream, never, Scope.Scope> {
  const path = paths[vendor]
  const answers: Array<(request: Received) => Step> = []
  const upstream = yield* makeScripted((request) => {
    switch (`${request.method} ${request.path}`) {
      case `GET ${path}/models`:
        return json(200, { object: "list", data: models })
      case `POST ${path}/embeddings`:
        return embed(request)
      case `POST ${path}/chat/completions`:
        return complete(vendor, request, answers)
      default:
        return json(404, { error: { message: `Invalid URL (${request.method} ${request.path})` } })
    }
  })
  return {
    ...upstream,
    baseUrl: upstream.url + path,
    next: (...more) => void answers.push(...more),
    posted: () =>
      upstream.requests.flatMap(({ body, method }) => (method === "POST" && isJsonObject(body) ? [body] : []))
  }
})

const complete = (vendor: VendorName, request: Received, answers: Array<(request: Received) => Step>): Step => {
  const { body } = request
  if (!isJsonObject(body)) return json(400, { error: { message: "Invalid JSON" } })
  const refusal = refusals[vendor]?.(body)
  if (refusal !== undefined) return json(400, { error: { message: refusal, type: "invalid_request_error" } })
  return (answers.shift() ?? says({ content: "Да." }))(request)
}

/** As Yandex' endpoint: one text a request. */
const embed = ({ body }: Received): Step =>
  isJsonObject(body) && typeof body["input"] === "string"
    ? json(200, {
        object: "list",
        data: [{ object: "embedding", index: 0, embedding: [body["input"].length, 0.5] }],
        usage: { prompt_tokens: 3, total_tokens: 3 }
      })
    : json(400, { error: { message: "input must be a string" } })

// What they refuse

const messagesOf = (body: JsonObject): ReadonlyArray<JsonObject> =>
  Array.isArray(body["messages"]) ? body["messages"].filter(isJsonObject) : []

const text = (value: Json | undefined): string => (typeof value === "string" ? value : "")

const unknownRole = (body: JsonObject, more = "") => {
  const bad = messagesOf(body).find(({ role }) => !["system", "user", "assistant", "tool"].includes(text(role)))
  return bad === undefined ? undefined : `unknown role ${text(bad["role"])}${more}`
}

const refusals: Partial<Record<VendorName, (body: JsonObject) => string | undefined>> = {
  openai: (body) => {
    const at = messagesOf(body).findIndex((message) => message["reasoning_content"] !== undefined)
    if (at !== -1) return `Unknown parameter: 'messages[${at}].reasoning_content'.`
    if (!/^(o\d|gpt-5(?!-chat))/.test(text(body["model"]))) return undefined
    if (body["max_tokens"] !== undefined) {
      return "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    }
    if (body["stop"] !== undefined) return "Unsupported parameter: 'stop' is not supported with this model."
    const sampling = ["temperature", "top_p", "presence_penalty", "frequency_penalty"]
    const name = sampling.find((name) => body[name] !== undefined)
    return name === undefined || body["reasoning_effort"] === "none"
      ? undefined
      : `Unsupported value: '${name}' does not support ${String(body[name])} with this model.`
  },
  deepseek: (body) => {
    const format = body["response_format"]
    if (isJsonObject(format) && format["type"] === "json_schema") return "This response_format type is unavailable now"
    const isThinking = !isJsonObject(body["thinking"]) || body["thinking"]["type"] !== "disabled"
    for (const message of messagesOf(body)) {
      const hasCalls = message["tool_calls"] !== undefined
      const hasThoughts = message["reasoning_content"] !== undefined
      if (isThinking && hasCalls && !hasThoughts) {
        return "The `reasoning_content` in the thinking mode must be passed back to the API."
      }
      if (body["model"] === "deepseek-reasoner" && hasThoughts && !hasCalls) {
        return "The `reasoning_content` is an intermediate result for display purposes only and will not be included in the context"
      }
    }
    return unknownRole(body)
  },
  zai: (body) =>
    body["tool_choice"] !== undefined && body["tool_choice"] !== "auto"
      ? "tool_choice only supports auto"
      : unknownRole(body),
  cloudru: (body) => unknownRole(body),
  mws: (body) => unknownRole(body),
  yandex: (body) => {
    if (!text(body["model"]).startsWith(`gpt://${folder}/`)) return `Failed to parse model URI in folder ${folder}`
    const unsupported = ["stop", "seed", "store", "stream_options"].find((name) => body[name] !== undefined)
    return unsupported === undefined ? unknownRole(body) : `${unsupported} is not supported`
  },
  vllm: (body) => unknownRole(body, ": Unexpected message role."),
  ollama: (body) =>
    JSON.stringify(messagesOf(body)).includes('"url":"http') ? "invalid image input" : unknownRole(body),
  lmstudio: (body) => {
    if (typeof body["tool_choice"] === "object") {
      return "Invalid tool_choice type: 'object'. Supported string values: none, auto, required"
    }
    const format = body["response_format"]
    return isJsonObject(format) && format["type"] === "json_object"
      ? "'response_format.type' must be 'json_schema' or 'text'"
      : unknownRole(body)
  }
}

// What they answer

interface Said {
  readonly message: JsonObject
  readonly finish?: string
  readonly usage?: JsonObject
}

const usage: JsonObject = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 }

/** A message, or its deltas one by one: usage comes in a chunk of its own, where it is asked for. */
export const says =
  (...deltas: ReadonlyArray<JsonObject>) =>
  (request: Received): Step =>
    tells({ message: Object.assign({}, ...deltas) }, deltas)(request)

export const tells =
  ({ finish = "stop", message, usage: used = usage }: Said, deltas: ReadonlyArray<JsonObject> = [message]) =>
  ({ body }: Received): Step => {
    if (!isJsonObject(body)) return json(500, {})
    const common = { id: "1", created: 1_700_000_001, model: body["model"] }
    if (body["stream"] !== true) {
      const choice = { index: 0, message: { role: "assistant", ...message }, finish_reason: finish }
      return json(200, { ...common, object: "chat.completion", choices: [choice], usage: used })
    }
    const chunk = (delta: JsonObject, finish: string | null = null) =>
      frame({ ...common, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] })
    const options = body["stream_options"]
    return steps(
      sseHead,
      write(": PROCESSING\n\n"),
      ...deltas.map((delta) => chunk(delta)),
      chunk({}, finish),
      ...(isJsonObject(options) && options["include_usage"] === true
        ? [frame({ ...common, object: "chat.completion.chunk", choices: [], usage: used })]
        : []),
      frame("[DONE]"),
      end
    )
  }
