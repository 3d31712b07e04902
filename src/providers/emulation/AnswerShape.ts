import { Result } from "effect"
import type { ResponseFormat } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type JsonObject } from "../../domain/Json.ts"
import { jsonInText } from "./JsonInText.ts"
import { danglingRef, schemaFault } from "./SchemaCheck.ts"

/** The form that an answer shall have, for a provider that has to be asked for it in words. */
export interface AnswerShape {
  /** What the model is told. */
  readonly instruction: string
  /** The bare JSON of an answer; fails with what is wrong with it. */
  readonly extract: (answer: string) => Result.Result<string, string>
}

/** Of `json_object` and `json_schema`. */
export const answerShape = (
  provider: string,
  { json_schema: wanted, type }: ResponseFormat
): Result.Result<AnswerShape, ValidationError> => {
  if (type === "json_object") return Result.succeed(anyObject)
  const fault = (message: string, param: string) =>
    Result.fail(new ValidationError({ reason: "invalid_body", message, param, provider }))
  if (wanted === undefined) {
    return fault("A response_format of type json_schema needs its json_schema", "response_format.json_schema")
  }
  const schema: JsonObject | null | undefined = wanted.schema
  if (schema === undefined || schema === null) return Result.succeed(anyObject)
  const dangling = danglingRef(schema)
  return dangling === undefined
    ? Result.succeed(ofSchema(schema, wanted.description ?? undefined))
    : fault(`The schema refers to ${dangling}, which is not in it`, "response_format.json_schema.schema")
}

const bare = "Nothing else belongs into the answer: no explanation, no Markdown, no code fences."

const anyObject: AnswerShape = {
  instruction: `Answer with one JSON object. ${bare}`,
  extract: (answer) => fitting(answer, (value) => (isJsonObject(value) ? undefined : "$ must be an object"))
}

const ofSchema = (schema: JsonObject, description: string | undefined): AnswerShape => ({
  instruction: [
    `Answer with JSON that is valid against the JSON Schema below. ${bare}`,
    ...(description === undefined || description === "" ? [] : [`What it is: ${description}`]),
    `JSON Schema:\n${JSON.stringify(schema)}`
  ].join("\n\n"),
  extract: (answer) => fitting(answer, (value) => schemaFault(schema, value))
})

/** The first value in the text with which nothing is wrong; where there is none, what is wrong with the first. */
const fitting = (
  answer: string,
  faultOf: (value: ReturnType<typeof jsonInText>[number]["value"]) => string | undefined
): Result.Result<string, string> => {
  let first: string | undefined
  for (const { text, value } of jsonInText(answer)) {
    const fault = faultOf(value)
    if (fault === undefined) return Result.succeed(text)
    first ??= fault
  }
  return Result.fail(first ?? "there is no complete JSON in it")
}
