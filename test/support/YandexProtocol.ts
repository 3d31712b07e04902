/** What Yandex Cloud's text generation service checks of a request before a model sees it, from the vendor's documentation. */

type Fields = Readonly<Record<string, unknown>>

/** Everything that a completion request may hold; the service's JSON is protobuf's, which refuses unknown names. */
const fields = new Set([
  "modelUri",
  "completionOptions",
  "messages",
  "tools",
  "jsonObject",
  "jsonSchema",
  "parallelToolCalls",
  "toolChoice"
])
const optionFields = new Set(["stream", "temperature", "maxTokens", "reasoningOptions"])
const messageFields = new Set(["role", "text", "toolCallList", "toolResultList"])

export interface Completion {
  readonly model: string
  readonly version: string
  readonly isStream: boolean
  readonly maxTokens: number | undefined
  readonly messages: ReadonlyArray<{ readonly role: string; readonly text: string }>
}

export interface Refused {
  readonly grpcCode: number
  readonly httpCode: number
  readonly message: string
}

const invalid = (message: string): Refused => ({ grpcCode: 3, httpCode: 400, message })

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const unknownName = (value: Fields, known: ReadonlySet<string>) => Object.keys(value).find((name) => !known.has(name))

/** The request as the service understands it, or why it does not. */
export const readCompletion = (body: unknown, folderId: string, models: ReadonlySet<string>): Completion | Refused => {
  if (!isObject(body)) return invalid("the request body is not a JSON object")
  const unknown = unknownName(body, fields)
  if (unknown !== undefined) return invalid(`unknown field "${unknown}" in CompletionRequest`)

  const uri = body["modelUri"]
  const [, folder, model = "", version = "latest"] =
    typeof uri === "string" ? (/^gpt:\/\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/.exec(uri) ?? []) : []
  if (folder === undefined) return invalid(`Failed to parse model URI '${String(uri)}'`)
  if (folder !== folderId) {
    return invalid(`Specified folder ID '${folder}' does not match with service account folder ID '${folderId}'`)
  }
  if (!models.has(model)) {
    return { grpcCode: 5, httpCode: 404, message: `Failed to get model: model 'gpt://${folder}/${model}' not found` }
  }

  const options = body["completionOptions"] ?? {}
  const fault = isObject(options) ? optionFault(options) : "completionOptions is not an object"
  if (!isObject(options) || fault !== undefined) return invalid(fault ?? "")

  const messages = body["messages"]
  if (!Array.isArray(messages) || messages.length === 0) return invalid("messages: at least one message is needed")
  const texts: Array<{ readonly role: string; readonly text: string }> = []
  for (const [index, message] of messages.entries()) {
    const read = readMessage(message)
    if (typeof read === "string") return invalid(`messages[${index}]: ${read}`)
    texts.push(read)
  }
  return {
    model,
    version,
    isStream: options["stream"] === true,
    maxTokens: options["maxTokens"] === undefined ? undefined : Number(options["maxTokens"]),
    messages: texts
  }
}

const optionFault = (options: Fields): string | undefined => {
  const { stream, temperature, maxTokens, reasoningOptions } = options
  const unknown = unknownName(options, optionFields)
  if (unknown !== undefined) return `unknown field "${unknown}" in CompletionOptions`
  if (stream !== undefined && typeof stream !== "boolean") return "stream: a boolean is needed"
  if (temperature !== undefined && !(typeof temperature === "number" && temperature >= 0 && temperature <= 1)) {
    return "temperature must be in the range [0, 1]"
  }
  const isCount = typeof maxTokens === "string" ? /^\d+$/.test(maxTokens) : Number.isInteger(maxTokens)
  if (maxTokens !== undefined && !(isCount && Number(maxTokens) > 0)) return "maxTokens must be a positive int64"
  if (reasoningOptions === undefined) return undefined
  const mode = isObject(reasoningOptions) ? reasoningOptions["mode"] : undefined
  return mode === "DISABLED" || mode === "ENABLED_HIDDEN" ? undefined : "reasoningOptions.mode is not known"
}

const readMessage = (message: unknown): { readonly role: string; readonly text: string } | string => {
  if (!isObject(message)) return "an object is needed"
  const unknown = unknownName(message, messageFields)
  if (unknown !== undefined) return `unknown field "${unknown}" in Message`
  const { role, text } = message
  if (role !== "system" && role !== "user" && role !== "assistant") return `unknown role "${String(role)}"`
  if (message["toolCallList"] !== undefined || message["toolResultList"] !== undefined)
    return "no tools are scripted here"
  return typeof text === "string" && text !== "" ? { role, text } : "text is needed"
}
