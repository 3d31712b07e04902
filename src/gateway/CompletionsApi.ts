import { Schema, Struct } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ChatRequest } from "../domain/ChatRequest.ts"
import { Authorization } from "./Authorization.ts"
import { Usage } from "./ChatApi.ts"
import { inferenceErrors } from "./ErrorSchemas.ts"
import { eventStream } from "./EventStream.ts"

const CompletionsRequest = Schema.Struct({
  prompt: Schema.Union([
    Schema.String,
    Schema.Array(Schema.String).check(Schema.isMinLength(1), Schema.isMaxLength(1))
  ]),
  ...Struct.pick(ChatRequest.fields, [
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "n",
    "stop",
    "seed",
    "logit_bias",
    "user",
    "models",
    "provider"
  ])
}).annotate({
  identifier: "CompletionsRequest",
  description:
    "OpenAI's legacy completion, answered by a chat model that is given the prompt as one user message. `max_tokens` has no default here but the model's own. `echo`, `suffix`, `best_of`, `logprobs` and prompts in tokens are refused."
})

const CompletionsAnswer = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("text_completion"),
  created: Schema.Int,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      text: Schema.String,
      index: Schema.Int,
      logprobs: Schema.Null,
      finish_reason: Schema.NullOr(Schema.Literals(["stop", "length", "content_filter"]))
    })
  ),
  usage: Usage
}).annotate({ identifier: "TextCompletion" })

const CompletionsStream = eventStream(
  "With `stream: true`: text_completion objects as server-sent events, ended by `data: [DONE]`"
)

export class CompletionsApi extends HttpApiGroup.make("completions")
  .add(
    HttpApiEndpoint.post("createCompletion", "/v1/completions", {
      payload: CompletionsRequest,
      success: [CompletionsAnswer, CompletionsStream],
      error: inferenceErrors
    }).annotateMerge(OpenApi.annotations({ summary: "Create a legacy text completion" }))
  )
  .middleware(Authorization) {}
