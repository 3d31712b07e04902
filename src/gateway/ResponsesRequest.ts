import { Schema, Struct } from "effect"
import { ChatRequest } from "../domain/ChatRequest.ts"

/** A request of OpenAI's Responses API (`POST /v1/responses`): as much of it as an answer without any memory can follow. */

const Nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const JsonFields = Schema.Record(Schema.String, Schema.Json)

const InputPart = Schema.Struct({
  /** `input_text`, `output_text`, `input_image`, `refusal` */
  type: Schema.String,
  text: Nullable(Schema.String),
  refusal: Nullable(Schema.String),
  /** Of `input_image`: a `data:` URL, or the address of a picture. */
  image_url: Nullable(Schema.String),
  detail: Nullable(Schema.String)
})
export type InputPart = typeof InputPart.Type

const Content = Schema.Union([Schema.String, Schema.Array(InputPart)])

const InputItem = Schema.Struct({
  /** `message`, and where it is left out; `function_call`, `function_call_output`, `reasoning` */
  type: Nullable(Schema.String),
  role: Nullable(Schema.Literals(["user", "assistant", "system", "developer"])),
  content: Nullable(Content),
  call_id: Nullable(Schema.String),
  name: Nullable(Schema.String),
  arguments: Nullable(Schema.String),
  output: Nullable(Content)
})
export type InputItem = typeof InputItem.Type

const ResponsesTool = Schema.Struct({
  type: Schema.String,
  name: Nullable(Schema.String),
  description: Nullable(Schema.String),
  /** A JSON Schema of its arguments. */
  parameters: Nullable(JsonFields),
  strict: Nullable(Schema.Boolean)
})
export type ResponsesTool = typeof ResponsesTool.Type

const TextFormat = Schema.Struct({
  type: Schema.Literals(["text", "json_object", "json_schema"]),
  name: Nullable(Schema.String),
  description: Nullable(Schema.String),
  schema: Nullable(JsonFields),
  strict: Nullable(Schema.Boolean)
})
export type TextFormat = typeof TextFormat.Type

export const ResponsesRequest = Schema.Struct({
  input: Schema.Union([Schema.String, Schema.Array(InputItem).check(Schema.isMinLength(1))]),
  instructions: Schema.optionalKey(Schema.String),
  tools: Schema.optionalKey(Schema.Array(ResponsesTool)),
  tool_choice: Schema.optionalKey(
    Schema.Union([
      Schema.Literals(["none", "auto", "required"]),
      Schema.Struct({
        /** `function` with its name, or `allowed_tools` with a mode and the tools. */
        type: Schema.String,
        name: Nullable(Schema.String),
        mode: Nullable(Schema.Literals(["auto", "required"])),
        tools: Nullable(Schema.Array(ResponsesTool))
      })
    ])
  ),
  text: Schema.optionalKey(Schema.Struct({ format: Nullable(TextFormat), verbosity: Nullable(Schema.String) })),
  reasoning: Schema.optionalKey(Schema.Struct({ effort: Nullable(Schema.String), summary: Nullable(Schema.String) })),
  max_output_tokens: ChatRequest.fields.max_completion_tokens,
  metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  ...Struct.pick(ChatRequest.fields, [
    "model",
    "stream",
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "user",
    "models",
    "provider"
  ])
})
export type ResponsesRequest = typeof ResponsesRequest.Type
