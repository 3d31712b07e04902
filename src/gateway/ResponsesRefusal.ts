import { Result, Struct } from "effect"
import { ValidationError, type XRouterError } from "../domain/Errors.ts"

/** Of something that OpenAI's own service can do, and one without memory or tools of its own cannot. */
export const refused = (param: string, hint: string) =>
  Result.fail(
    new ValidationError({ reason: "unsupported_parameter", message: `\`${param}\` is not supported: ${hint}`, param })
  )

/** What a provider refuses it names in the words of a chat, which this client has never said. */
export const inResponsesWords = (error: XRouterError): XRouterError => {
  if (error._tag !== "ValidationError" || error.param === undefined) return error
  const param = error.param.startsWith("messages") ? "input" : responsesName(error.param)
  if (param === error.param) return error
  return new ValidationError({
    ...Struct.pick(error, ["reason", "provider"]),
    param,
    message: error.message.replace(error.param, param)
  })
}

/** Of a parameter that a chat calls otherwise. */
export const responsesName = (param: string): string => names[param] ?? param

const names: Readonly<Record<string, string>> = {
  max_tokens: "max_output_tokens",
  max_completion_tokens: "max_output_tokens",
  response_format: "text.format",
  "response_format.type": "text.format.type",
  reasoning_effort: "reasoning.effort"
}
