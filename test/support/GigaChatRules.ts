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
    const wrong = messageFault(message, index) ?? resultFault(message, messages[index - 1])
    if (wrong !== undefined) return invalid(wrong)
  }
  const wrong = Object.keys(ranges).find((name) => body[name] !== undefined && ranges[name]?.(body[name]) !== true)
  if (wrong !== undefined) return invalid(`${wrong} is out of range`)
  const functions = body["functions"]
  for (const defined of Array.isArray(functions) ? functions : []) {
    const wrong = functionFault(defined)
    if (wrong !== undefined) return invalid(wrong)
  }
  const format = formatFault(body["response_format"])
  if (format !== undefined) return invalid(format)
  const call = body["function_call"]
  if (call !== undefined && call !== "auto" && call !== "none" && !isJsonObject(call)) {
    return invalid("function_call is neither auto, none nor an object")
  }
  return isJsonObject(call) && !functionNames(body).includes(call["name"])
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
  const idle =
    body["function_call"] === undefined && functionNames(body).length > 0
      ? ["functions without function_call are not called"]
      : []
  return [
    ...idle,
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
      return typeof content === "string" ? undefined : "content is not a string"
    case "assistant":
      return typeof content === "string" ? callFault(message) : "content is not a string"
    case "function":
      return typeof message["name"] === "string" && isJsonText(content)
        ? undefined
        : `invalid function result for function json string ${String(message["name"])}`
    default:
      return `unknown role ${String(role)}`
  }
}

/** A result stands right behind its call. */
const resultFault = (message: unknown, before: unknown): string | undefined => {
  if (!isJsonObject(message) || message["role"] !== "function") return undefined
  const call = isJsonObject(before) ? before["function_call"] : undefined
  return isJsonObject(call) && call["name"] === message["name"]
    ? undefined
    : `function result without a call of ${String(message["name"])}`
}

const callFault = ({ function_call: call, functions_state_id: state, tool_calls }: JsonObject): string | undefined => {
  if (tool_calls !== undefined) return "tool_calls is no field of a message"
  if (state !== undefined && (typeof state !== "string" || !uuid.test(state))) return "functions_state_id is not a UUID"
  if (call === undefined) return undefined
  if (!isJsonObject(call) || !isName(call["name"])) return "function_call has no name"
  return isJsonObject(call["arguments"]) ? undefined : "arguments of function_call are not an object"
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const isName = (name: unknown): boolean => typeof name === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(name)

const functionFault = (defined: unknown): string | undefined => {
  if (!isJsonObject(defined) || !isName(defined["name"])) return "a function has no name that is one"
  const { description, name, parameters } = defined
  if (name === "web_search") return "web_search is a built-in function"
  if (typeof description !== "string" || description === "") return `function ${String(name)} has no description`
  if (!isJsonObject(parameters) || parameters["type"] !== "object") return "parameters are not an object"
  return schemaFault(parameters, "parameters")
}

const formatFault = (format: unknown): string | undefined => {
  if (format === undefined) return undefined
  if (!isJsonObject(format)) return "response_format is not an object"
  if (format["type"] === "text") return undefined
  if (format["type"] !== "json_schema") return `unknown response_format ${String(format["type"])}`
  const strange = Object.keys(format).find((name) => !["type", "schema", "strict"].includes(name))
  return strange === undefined
    ? schemaFault(format["schema"], "response_format.schema")
    : `response_format has no field ${strange}`
}

const schemaWords: Readonly<Record<string, ReadonlyArray<string>>> = {
  string: ["enum", "format", "minLength", "maxLength", "pattern"],
  number: ["minimum", "maximum"],
  integer: ["minimum", "maximum"],
  boolean: [],
  object: ["properties", "required"],
  array: ["items", "minItems", "maxItems"]
}

/** Why a schema is not in the part of JSON Schema that GigaChat takes; undefined: it is. */
export const schemaFault = (schema: unknown, path: string): string | undefined => {
  if (!isJsonObject(schema)) return `Field '${path}' is missing`
  const { enum: values, format, items, properties, required, type } = schema
  const words = typeof type === "string" && Object.hasOwn(schemaWords, type) ? schemaWords[type] : undefined
  if (words === undefined) return `Field '${path}.type' is missing`
  const strange = Object.keys(schema).find((word) => word !== "type" && word !== "description" && !words.includes(word))
  if (strange !== undefined) return `Field '${path}.${strange}' is not supported`
  if (values !== undefined && !(Array.isArray(values) && values.every((value) => typeof value === "string")))
    return `'${path}.enum' holds more than strings`
  if (format !== undefined && !["date", "date-time", "time"].includes(String(format)))
    return `unknown format at '${path}'`
  if (type === "array") return schemaFault(items, `${path}.items`)
  if (type !== "object") return undefined
  if (!isJsonObject(properties)) return `Field '${path}.properties' is missing`
  if (required !== undefined && !(Array.isArray(required) && required.every((name) => Object.hasOwn(properties, name))))
    return `'${path}.required' names no property`
  return Object.entries(properties)
    .map(([name, property]) => schemaFault(property, `${path}.properties.${name}`))
    .find((fault) => fault !== undefined)
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
