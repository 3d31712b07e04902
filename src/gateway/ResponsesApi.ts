import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authorization } from "./Authorization.ts"
import { inferenceErrors } from "./ErrorSchemas.ts"
import { eventStream } from "./EventStream.ts"
import { ResponsesRequest } from "./ResponsesRequest.ts"

const Body = ResponsesRequest.annotate({
  identifier: "ResponsesRequest",
  description:
    "OpenAI's Responses API without its memory: `input` holds the whole conversation, and `previous_response_id`, `conversation`, `prompt` and `background` are refused. Tools that are not functions are left out and named in `x-xrouter-dropped-params`. `null` counts as absent."
})

const Status = Schema.Literals(["in_progress", "completed", "incomplete"])

const Message = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("message"),
  status: Status,
  role: Schema.Literal("assistant"),
  content: Schema.Array(
    Schema.Union([
      Schema.Struct({
        type: Schema.Literal("output_text"),
        text: Schema.String,
        annotations: Schema.Array(Schema.Json),
        logprobs: Schema.Array(Schema.Json)
      }),
      Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String })
    ])
  )
})

const FunctionCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("function_call"),
  status: Status,
  call_id: Schema.String,
  name: Schema.String,
  arguments: Schema.String
})

const Reasoning = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("reasoning"),
  status: Status,
  summary: Schema.Array(Schema.Json),
  content: Schema.Array(Schema.Struct({ type: Schema.Literal("reasoning_text"), text: Schema.String }))
})

const ResponseAnswer = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("response"),
  created_at: Schema.Int,
  status: Schema.Literals(["completed", "incomplete"]),
  error: Schema.Null,
  incomplete_details: Schema.NullOr(
    Schema.Struct({ reason: Schema.Literals(["max_output_tokens", "content_filter"]) })
  ),
  model: Schema.String,
  output: Schema.Array(Schema.Union([Message, FunctionCall, Reasoning])),
  usage: Schema.Struct({
    input_tokens: Schema.Int,
    input_tokens_details: Schema.Struct({ cached_tokens: Schema.Int }),
    output_tokens: Schema.Int,
    output_tokens_details: Schema.Struct({ reasoning_tokens: Schema.Int }),
    total_tokens: Schema.Int
  }),
  instructions: Schema.NullOr(Schema.String),
  metadata: Schema.Record(Schema.String, Schema.String),
  parallel_tool_calls: Schema.Boolean,
  temperature: Schema.NullOr(Schema.Finite),
  tool_choice: Schema.Json,
  tools: Schema.Array(Schema.Json),
  top_p: Schema.NullOr(Schema.Finite)
}).annotate({ identifier: "Response" })

const ResponseStream = eventStream(
  "With `stream: true`: the Responses API's own events, from `response.created` to `response.completed` or `response.incomplete`; where it fails, `error` and `response.failed`"
)

export class ResponsesApi extends HttpApiGroup.make("responses")
  .add(
    HttpApiEndpoint.post("createResponse", "/v1/responses", {
      payload: Body,
      success: [ResponseAnswer, ResponseStream],
      error: inferenceErrors
    }).annotateMerge(OpenApi.annotations({ summary: "Create a model response" }))
  )
  .middleware(Authorization) {}
