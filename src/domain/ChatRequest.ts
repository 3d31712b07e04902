import { Schema } from "effect"
import type { JsonObject } from "./Json.ts"

/**
 * A chat request in OpenAI's words (`POST /v1/chat/completions`, OpenAPI 3.1 document 2.3.0). These are the words that every
 * client and most upstreams speak, so the domain speaks them too: a provider of the same tongue passes them on, the others
 * translate. Fields that are not named here stay on the value (`Schema.is` narrows, it does not copy) and travel with it;
 * see docs/decisions/0003.
 */

const Nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/**
 * Values of which nothing is asked. What was parsed from JSON holds nothing else, so they are not looked at: `Schema.Json` would
 * walk through all of them, and keeps the whole request from being compiled.
 */
const JsonFields: Schema.Codec<JsonObject> = Schema.Record(Schema.String, Schema.Any)

export const ContentPart = Schema.Struct({
  type: Schema.String,
  text: Schema.optionalKey(Schema.String),
  /** Of `type: "image_url"`: a `data:` URL, or the address of a picture. */
  image_url: Schema.optionalKey(
    Schema.Struct({ url: Schema.String, detail: Schema.optionalKey(Schema.NullOr(Schema.String)) })
  )
})
export type ContentPart = typeof ContentPart.Type

const Content = Schema.Union([Schema.String, Schema.Array(ContentPart).check(Schema.isMinLength(1))])

export const ToolCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literals(["function", "custom"]),
  function: Schema.optionalKey(Schema.Struct({ name: Schema.String, arguments: Schema.String }))
})
export type ToolCall = typeof ToolCall.Type

// A literal of its own for each role: so a message is held against one of these, and an error names the field that is wrong.
export const SystemMessage = Schema.Struct({ role: Schema.Literal("system"), content: Content })
/** OpenAI's newer name of `system`. */
export const DeveloperMessage = Schema.Struct({ role: Schema.Literal("developer"), content: Content })
export const UserMessage = Schema.Struct({ role: Schema.Literal("user"), content: Content })
export const AssistantMessage = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: Nullable(Content),
  /** What it thought before it spoke: DeepSeek wants it back beside tool calls. */
  reasoning_content: Nullable(Schema.String),
  tool_calls: Nullable(Schema.Array(ToolCall)),
  /** OpenAI's older way of one call; its result is a message of role `function`. */
  function_call: Nullable(Schema.Struct({ name: Schema.String, arguments: Schema.String }))
})
export const ToolMessage = Schema.Struct({
  role: Schema.Literal("tool"),
  content: Content,
  tool_call_id: Schema.String
})
/** OpenAI's older way of giving a function's result; deprecated there, still sent by clients. */
export const FunctionMessage = Schema.Struct({
  role: Schema.Literal("function"),
  name: Schema.String,
  content: Schema.NullOr(Schema.String)
})

export const Message = Schema.Union([
  SystemMessage,
  DeveloperMessage,
  UserMessage,
  AssistantMessage,
  ToolMessage,
  FunctionMessage
])
export type Message = typeof Message.Type

const FunctionDefinition = Schema.Struct({
  name: Schema.String,
  description: Nullable(Schema.String),
  /** A JSON Schema of its arguments. */
  parameters: Nullable(JsonFields),
  strict: Nullable(Schema.Boolean)
})
export type FunctionDefinition = typeof FunctionDefinition.Type

export const Tool = Schema.Struct({ type: Schema.String, function: Schema.optionalKey(FunctionDefinition) })
export type Tool = typeof Tool.Type

/** `text`, `json_object`, or `json_schema` with its schema. */
export const ResponseFormat = Schema.Struct({
  type: Schema.String,
  json_schema: Schema.optionalKey(
    Schema.Struct({
      name: Schema.String,
      description: Nullable(Schema.String),
      schema: Nullable(JsonFields),
      strict: Nullable(Schema.Boolean)
    })
  )
})
export type ResponseFormat = typeof ResponseFormat.Type

const between = (minimum: number, maximum: number) => Schema.Finite.check(Schema.isBetween({ minimum, maximum }))
const wholeBetween = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Penalty = between(-2, 2)
const TokenCount = wholeBetween(1, 2 ** 31 - 1)

const Names = Schema.Array(Schema.String).check(Schema.isMaxLength(50))

/** What a caller wishes of the providers, as OpenRouter spells it; for the router, and never sent on. */
export const ProviderWishes = Schema.Struct({
  /** Providers that are tried first, in this order. */
  order: Nullable(Names),
  /** No others. */
  only: Nullable(Names),
  ignore: Nullable(Names),
  /** False: whoever is first, and nobody after; with `order` those of it. */
  allow_fallbacks: Nullable(Schema.Boolean),
  /** Only who can carry every parameter of the request. */
  require_parameters: Nullable(Schema.Boolean),
  sort: Nullable(Schema.Literals(["price", "latency", "throughput"]))
})
export type ProviderWishes = typeof ProviderWishes.Type

export const ChatRequest = Schema.Struct({
  model: Schema.String.check(Schema.isMinLength(1)),
  messages: Schema.Array(Message).check(Schema.isMinLength(1)),
  stream: Schema.optionalKey(Schema.Boolean),
  stream_options: Schema.optionalKey(Schema.Struct({ include_usage: Schema.optionalKey(Schema.Boolean) })),
  max_tokens: Schema.optionalKey(TokenCount),
  /** Newer name of `max_tokens`; where both are given this one counts. */
  max_completion_tokens: Schema.optionalKey(TokenCount),
  temperature: Schema.optionalKey(between(0, 2)),
  top_p: Schema.optionalKey(between(0, 1)),
  frequency_penalty: Schema.optionalKey(Penalty),
  presence_penalty: Schema.optionalKey(Penalty),
  n: Schema.optionalKey(wholeBetween(1, 128)),
  stop: Schema.optionalKey(
    Schema.Union([Schema.String, Schema.Array(Schema.String).check(Schema.isMinLength(1), Schema.isMaxLength(4))])
  ),
  seed: Schema.optionalKey(Schema.Finite),
  logprobs: Schema.optionalKey(Schema.Boolean),
  top_logprobs: Schema.optionalKey(wholeBetween(0, 20)),
  logit_bias: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  tools: Schema.optionalKey(Schema.Array(Tool)),
  tool_choice: Schema.optionalKey(Schema.Union([Schema.Literals(["none", "auto", "required"]), JsonFields])),
  parallel_tool_calls: Schema.optionalKey(Schema.Boolean),
  /** OpenAI's older names of `tools` and `tool_choice`. */
  functions: Schema.optionalKey(Schema.Array(FunctionDefinition)),
  function_call: Schema.optionalKey(
    Schema.Union([Schema.Literals(["none", "auto"]), Schema.Struct({ name: Schema.String })])
  ),
  response_format: Schema.optionalKey(ResponseFormat),
  reasoning_effort: Schema.optionalKey(Schema.String),
  user: Schema.optionalKey(Schema.String),
  /** Models that are tried after `model`, in this order; OpenRouter's name. */
  models: Schema.optionalKey(Schema.Array(Schema.String.check(Schema.isMinLength(1))).check(Schema.isMaxLength(10))),
  provider: Schema.optionalKey(ProviderWishes)
})
export type ChatRequest = typeof ChatRequest.Type

export const maxTokens = (request: ChatRequest): number | undefined =>
  request.max_completion_tokens ?? request.max_tokens
