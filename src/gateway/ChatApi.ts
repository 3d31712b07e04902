import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ChatRequest } from "../domain/ChatRequest.ts"
import { Authorization } from "./Authorization.ts"
import { inferenceErrors } from "./ErrorSchemas.ts"
import { eventStream } from "./EventStream.ts"

export const Usage = Schema.Struct({
  prompt_tokens: Schema.Int,
  completion_tokens: Schema.Int,
  total_tokens: Schema.Int,
  prompt_tokens_details: Schema.Struct({ cached_tokens: Schema.Int }),
  completion_tokens_details: Schema.Struct({ reasoning_tokens: Schema.Int })
})

const FinishReason = Schema.Literals(["stop", "length", "tool_calls", "content_filter", "function_call"])

const FunctionCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})

const CustomCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("custom"),
  custom: Schema.Struct({ name: Schema.String, input: Schema.String })
})

export const ChatCompletionBody = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion"),
  created: Schema.Int,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      index: Schema.Int,
      message: Schema.Struct({
        role: Schema.Literal("assistant"),
        content: Schema.NullOr(Schema.String),
        refusal: Schema.NullOr(Schema.String),
        reasoning_content: Schema.optionalKey(Schema.String),
        tool_calls: Schema.optionalKey(Schema.Array(Schema.Union([FunctionCall, CustomCall])))
      }),
      logprobs: Schema.NullOr(Schema.Json),
      finish_reason: Schema.NullOr(FinishReason)
    })
  ),
  usage: Usage
}).annotate({ identifier: "ChatCompletion" })

/** One frame of a stream is `data: {…}`, the last one `data: [DONE]` (OpenAI, "Streaming"). */
const ChatCompletionStream = eventStream(
  "With `stream: true`: chat.completion.chunk objects as server-sent events, ended by `data: [DONE]`"
)

const Body = ChatRequest.annotate({
  identifier: "ChatRequest",
  description:
    "OpenAI's chat request. `prompt` (a string) may stand in place of `messages`. `null` counts as absent. Fields that are not listed pass on to upstreams that speak OpenAI's dialect."
})

export class ChatApi extends HttpApiGroup.make("chat")
  .add(
    HttpApiEndpoint.post("createChatCompletion", "/v1/chat/completions", {
      payload: Body,
      success: [ChatCompletionBody, ChatCompletionStream],
      error: inferenceErrors
    }).annotateMerge(OpenApi.annotations({ summary: "Create a chat completion" }))
  )
  .middleware(Authorization) {}
