import { isJsonObject, type JsonObject } from "../../src/domain/Json.ts"

/** What the real GigaChat (v1) says to a body of `POST /chat/completions` that it does not take; undefined: it takes it. */
export const fault = (
  body: unknown,
  models: ReadonlyArray<string>
): { readonly status: number; readonly message: string } | undefined => {
  if (!isJsonObject(body)) return { status: 400, message: "invalid JSON syntax\n" }
  const { model, messages } = body
  if (typeof model !== "string") return invalid("model is required")
  if (!models.includes(model)) return { status: 404, message: "No such model" }
  if (!Array.isArray(messages) || messages.length === 0) return invalid("messages is required")
  for (const [index, message] of messages.entries()) {
    const wrong = messageFault(message, index)
    if (wrong !== undefined) return invalid(wrong)
  }
  const wrong = Object.keys(ranges).find((name) => body[name] !== undefined && ranges[name]?.(body[name]) !== true)
  if (wrong !== undefined) return invalid(`${wrong} is out of range`)
  const functions = functionNames(body)
  const call = body["function_call"]
  return isJsonObject(call) && !functions.includes(call["name"])
    ? invalid("function_call names no function")
    : undefined
}

/** What the real one lets pass, though it does not mean what its sender may think. */
export const violationsOf = (body: unknown): ReadonlyArray<string> => {
  if (!isJsonObject(body)) return []
  const woken =
    body["function_call"] !== undefined && functionNames(body).length === 0
      ? ["function_call without functions wakes the built-in ones"]
      : []
  return [
    ...Object.keys(body)
      .filter((name) => !known.has(name))
      .map((name) => `${name} is no field of v1`),
    ...woken
  ]
}

const invalid = (what: string) => ({ status: 422, message: `Invalid params: ${what}` })

const messageFault = (message: unknown, index: number): string | undefined => {
  if (!isJsonObject(message)) return "message is not an object"
  const { content, role } = message
  switch (role) {
    case "system":
      return typeof content !== "string"
        ? "content is not a string"
        : index > 0
          ? "system message must be the first message"
          : undefined
    case "user":
    case "assistant":
      return typeof content === "string" ? undefined : "content is not a string"
    case "function":
      return typeof message["name"] === "string" && isJsonText(content)
        ? undefined
        : `invalid function result for function json string ${String(message["name"])}`
    default:
      return `unknown role ${String(role)}`
  }
}

const isJsonText = (value: unknown): boolean => {
  if (typeof value !== "string") return false
  try {
    JSON.parse(value)
    return true
  } catch {
    return false
  }
}

const functionNames = (body: JsonObject): ReadonlyArray<unknown> => {
  const functions = body["functions"]
  return Array.isArray(functions) ? functions.map((item: unknown) => (isJsonObject(item) ? item["name"] : item)) : []
}

const isNumber = (from: number, to: number) => (value: unknown) =>
  typeof value === "number" && value >= from && value <= to

const ranges: Readonly<Record<string, (value: unknown) => boolean>> = {
  temperature: isNumber(Number.MIN_VALUE, Infinity),
  top_p: isNumber(0, 1),
  n: (value) => Number.isInteger(value) && isNumber(1, 4)(value),
  max_tokens: (value) => Number.isInteger(value) && isNumber(1, 2 ** 31 - 1)(value),
  repetition_penalty: isNumber(Number.MIN_VALUE, Infinity),
  update_interval: isNumber(0, Infinity),
  stream: (value) => typeof value === "boolean",
  profanity_check: (value) => typeof value === "boolean",
  flags: Array.isArray,
  reasoning_effort: (value) => value === "low" || value === "medium" || value === "high"
}

const known = new Set([
  ...Object.keys(ranges),
  "model",
  "messages",
  "functions",
  "function_call",
  "function_ranker",
  "response_format",
  "storage"
])
