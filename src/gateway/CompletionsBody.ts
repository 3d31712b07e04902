import { Result } from "effect"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ValidationError } from "../domain/Errors.ts"
import { isJsonObject, type Json } from "../domain/Json.ts"
import { chatRequest, invalid, unsupported, withoutNulls } from "./ChatBody.ts"

/**
 * A chat request from the body of a legacy completion (OpenAI, "Create completion"): its prompt is one user message. What only a
 * model that continues raw text can do is refused; the rest has the same words as a chat.
 */
export const completionsRequest = (body: unknown): Result.Result<ChatRequest, ValidationError> => {
  if (!isJsonObject(body)) return invalid("The body must be a JSON object")
  const { best_of, echo, logprobs, prompt, suffix, ...rest } = withoutNulls(body)
  if (prompt === undefined) return invalid("Missing required parameter: 'prompt'", "prompt")
  const text = promptText(prompt)
  if (Result.isFailure(text)) return Result.fail(text.failure)
  if (echo !== undefined && echo !== false) return unsupported("echo", "a chat model does not give its prompt back")
  if (suffix !== undefined && suffix !== "")
    return unsupported("suffix", "a chat model does not fill in a gap of a text")
  if (best_of !== undefined && best_of !== 1) return unsupported("best_of", "ask for several choices with `n`")
  if (logprobs !== undefined) return unsupported("logprobs", "they are told by `/v1/chat/completions`")
  for (const name of ofChat) {
    if (rest[name] !== undefined) return unsupported(name, "it belongs to `/v1/chat/completions`")
  }
  return chatRequest({ ...rest, prompt: text.success })
}

/** An answer in this form has no place for what they ask for. */
const ofChat = ["messages", "tools", "functions", "modalities", "audio"]

const promptText = (prompt: Json): Result.Result<string, ValidationError> => {
  if (typeof prompt === "string") return Result.succeed(prompt)
  if (!Array.isArray(prompt) || prompt.length === 0) return invalid("Expected a string or a list of one", "prompt")
  const prompts: ReadonlyArray<Json> = prompt
  if (prompts.some((piece) => typeof piece !== "string")) {
    return unsupported("prompt", "give its text, tokens are known to their own model only")
  }
  const [only] = prompts
  return typeof only === "string" && prompts.length === 1
    ? Result.succeed(only)
    : unsupported("prompt", "one request has one prompt")
}
