import { Result } from "effect"
import type { ChatRequest } from "../../domain/ChatRequest.ts"
import type { ValidationError } from "../../domain/Errors.ts"
import type { JsonObject } from "../../domain/Json.ts"
import { type Carrier, unsupported } from "../Parameters.ts"
import { malformed } from "./Malformed.ts"

/** `response_format` as the vendor has it: `jsonObject`, `jsonSchema`, or neither, which is text. */
export const answerFormat = (
  carrier: Carrier,
  { response_format: format }: ChatRequest
): Result.Result<JsonObject, ValidationError> => {
  switch (format?.type) {
    case undefined:
    case "text":
      return Result.succeed({})
    case "json_object":
      return Result.succeed({ jsonObject: true })
    case "json_schema": {
      const schema = format.json_schema?.schema
      return schema === undefined || schema === null
        ? malformed(carrier, "response_format.json_schema.schema", "A format of type json_schema needs its schema")
        : Result.succeed({ jsonSchema: { schema } })
    }
    default:
      return unsupported(carrier, "response_format.type", "it can be text, json_object or json_schema")
  }
}
