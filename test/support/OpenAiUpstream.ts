import { Effect, type Scope } from "effect"
import { isJsonObject, type JsonObject } from "../../src/domain/Json.ts"
import {
  end,
  frame,
  json,
  make as makeScripted,
  type Received,
  reset,
  type ScriptedUpstream,
  sseHead,
  type Step,
  steps
} from "./ScriptedUpstream.ts"

/**
 * An upstream that speaks OpenAI's chat completions as the real one does, and refuses what the real one refuses. It answers with
 * the words of the last message, and calls the first tool where `tool_choice` is `required`. By the model's name it misbehaves:
 * `limited` answers 429, `broken` 500, `cut` resets its stream half way.
 */
export interface OpenAiUpstream extends ScriptedUpstream {
  /** With `/v1`. */
  readonly baseUrl: string
}

export const models = ["gpt-test", "limited", "broken", "cut"] as const
export const embeddingModel = "text-embedding-test"

export const make = Effect.fnUntraced(function* (
  options: { readonly key?: string } = {}
): Effect.fn.Return<OpenAiUpstream, never, Scope.Scope> {
  const key = options.key ?? "sk-test-0123456789abcdef"
  const upstream = yield* makeScripted((request) => answer(key, request))
  return { ...upstream, baseUrl: `${upstream.url}/v1` }
})

const answer = (key: string, request: Received): Step => {
  if (request.headers.authorization !== `Bearer ${key}`) {
    return refuse(401, `Incorrect API key provided: ${request.headers.authorization ?? "none"}.`, "invalid_api_key")
  }
  switch (`${request.method} ${request.path}`) {
    case "GET /v1/models":
      return json(200, {
        object: "list",
        data: models.map((id) => ({ id, object: "model", created: 1_700_000_000, owned_by: "upstream" }))
      })
    case "POST /v1/chat/completions":
      return complete(request)
    case "POST /v1/embeddings":
      return embed(request)
    default:
      return refuse(404, `Invalid URL (${request.method} ${request.path})`, null)
  }
}

const refuse = (
  status: number,
  message: string,
  code: string | null,
  param: string | null = null,
  headers: Readonly<Record<string, string>> = {}
): Step => json(status, { error: { message, type: "invalid_request_error", param, code } }, headers)

const complete = ({ body, headers }: Received): Step => {
  if (headers["content-type"] !== "application/json" || !isJsonObject(body)) {
    return refuse(400, "We could not parse the JSON body of your request.", null)
  }
  const fault = faultOf(body)
  if (fault !== undefined) return fault
  switch (body["model"]) {
    case "limited":
      return refuse(
        429,
        "Rate limit reached for limited in organization org-abcdef123456",
        "rate_limit_exceeded",
        null,
        {
          "retry-after-ms": "1500",
          "retry-after": "2"
        }
      )
    case "broken":
      return refuse(500, "The server had an error while processing your request.", "server_error")
  }
  return body["stream"] === true ? streamed(body) : whole(body)
}

/** Vectors that begin with the length of their text, in as many numbers as are asked for. */
const embed = ({ body }: Received): Step => {
  if (!isJsonObject(body)) return refuse(400, "We could not parse the JSON body of your request.", null)
  const { dimensions, input, model } = body
  if (model === "limited") {
    return refuse(429, "Rate limit reached", "rate_limit_exceeded", null, { "retry-after": "30" })
  }
  if (model === "broken") return refuse(500, "The server had an error while processing your request.", "server_error")
  if (model !== embeddingModel) {
    return refuse(404, `The model \`${String(model)}\` does not exist.`, "model_not_found")
  }
  const texts: ReadonlyArray<unknown> = Array.isArray(input) ? input : [input]
  return json(200, {
    object: "list",
    data: texts.map((text, index) => ({
      object: "embedding",
      index,
      embedding: [
        String(text).length,
        ...Array.from({ length: (typeof dimensions === "number" ? dimensions : 3) - 1 }, (_, at) => (at + 1) / 8)
      ]
    })),
    model: `${model}-v1`,
    usage: { prompt_tokens: texts.length * 5, total_tokens: texts.length * 5 }
  })
}

const faultOf = (body: JsonObject): Step | undefined => {
  const model = body["model"]
  if (typeof model !== "string") return refuse(400, "you must provide a model parameter", null)
  if (!models.some((known) => known === model)) {
    return refuse(404, `The model \`${model}\` does not exist or you do not have access to it.`, "model_not_found")
  }
  const messages = body["messages"]
  if (!Array.isArray(messages)) return refuse(400, "Missing required parameter: 'messages'.", null, "messages")
  if (messages.length === 0) return refuse(400, "Invalid 'messages': empty array.", "empty_array", "messages")
  if (body["stream"] !== true && body["stream_options"] !== undefined && body["stream_options"] !== null) {
    return refuse(
      400,
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      null,
      "stream_options"
    )
  }
  const temperature = body["temperature"]
  if (typeof temperature === "number" && (temperature < 0 || temperature > 2)) {
    return refuse(400, "Invalid 'temperature': decimal above maximum value.", "decimal_above_max_value", "temperature")
  }
  return undefined
}

const wordsOf = (body: JsonObject): ReadonlyArray<string> => {
  const messages = Array.isArray(body["messages"]) ? body["messages"] : []
  const last: unknown = messages.at(-1)
  const content = isJsonObject(last) && typeof last["content"] === "string" ? last["content"] : ""
  return content.split(/(?<= )/)
}

const toolOf = (body: JsonObject): string | undefined => {
  const [tool]: ReadonlyArray<unknown> = Array.isArray(body["tools"]) ? body["tools"] : []
  const told = isJsonObject(tool) ? tool["function"] : undefined
  const name = isJsonObject(told) ? told["name"] : undefined
  return body["tool_choice"] === "required" && typeof name === "string" ? name : undefined
}

const usage = (words: number) => ({
  prompt_tokens: 9,
  completion_tokens: words,
  total_tokens: 9 + words,
  prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 }
})

const common = (body: JsonObject, object: string) => ({
  id: "chatcmpl-upstream",
  object,
  created: 1_700_000_001,
  model: `${String(body["model"])}-2026-01-01`,
  service_tier: "default",
  system_fingerprint: "fp_0123456789"
})

const whole = (body: JsonObject): Step => {
  const words = wordsOf(body)
  const tool = toolOf(body)
  return json(200, {
    ...common(body, "chat.completion"),
    choices: [
      {
        index: 0,
        message:
          tool === undefined
            ? { role: "assistant", content: words.join(""), refusal: null, annotations: [] }
            : {
                role: "assistant",
                content: null,
                refusal: null,
                tool_calls: [{ id: "call_1", type: "function", function: { name: tool, arguments: '{"city":"Тула"}' } }]
              },
        logprobs: null,
        finish_reason: tool === undefined ? "stop" : "tool_calls"
      }
    ],
    usage: usage(words.length)
  })
}

const streamed = (body: JsonObject): Step => {
  const options = body["stream_options"]
  const withUsage = isJsonObject(options) && options["include_usage"] === true
  const words = wordsOf(body)
  const tool = toolOf(body)
  const chunk = (delta: JsonObject, finish: string | null = null) =>
    frame({
      ...common(body, "chat.completion.chunk"),
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(withUsage ? { usage: null } : {})
    })
  const call = (entry: JsonObject) => chunk({ tool_calls: [{ index: 0, ...entry }] })
  const deltas =
    tool === undefined
      ? words.map((word) => chunk({ content: word }))
      : [
          call({ id: "call_1", type: "function", function: { name: tool, arguments: "" } }),
          call({ function: { arguments: '{"city":' } }),
          call({ function: { arguments: '"Тула"}' } })
        ]
  if (body["model"] === "cut") return steps(sseHead, chunk({ role: "assistant", content: "" }), ...deltas, reset)
  return steps(
    sseHead,
    chunk({ role: "assistant", content: tool === undefined ? "" : null, refusal: null }),
    ...deltas,
    chunk({}, tool === undefined ? "stop" : "tool_calls"),
    ...(withUsage
      ? [frame({ ...common(body, "chat.completion.chunk"), choices: [], usage: usage(words.length) })]
      : []),
    frame("[DONE]"),
    end
  )
}
