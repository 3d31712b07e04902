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
  readonly messages: ReadonlyArray<SaidMessage>
  /** The names of the functions that are offered. */
  readonly tools: ReadonlyArray<string>
}

export interface SaidMessage {
  readonly role: string
  /** Empty where the message holds calls or results. */
  readonly text: string
  /** The functions that are called. */
  readonly calls?: ReadonlyArray<string>
  /** The functions whose results are given. */
  readonly results?: ReadonlyArray<string>
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

  const tools = readTools(body["tools"] ?? [])
  if (typeof tools === "string") return invalid(tools)
  const wishes = choiceFault(body, tools) ?? formatFault(body)
  if (wishes !== undefined) return invalid(wishes)

  const messages = body["messages"]
  if (!Array.isArray(messages) || messages.length === 0) return invalid("messages: at least one message is needed")
  const said: Array<SaidMessage> = []
  for (const [index, message] of messages.entries()) {
    const read = readMessage(message)
    if (typeof read === "string") return invalid(`messages[${index}]: ${read}`)
    const called = said.findLast(({ calls }) => calls !== undefined)?.calls ?? []
    if (read.results?.some((name) => !called.includes(name)) === true) {
      return invalid(`messages[${index}]: a result of a function that was not called`)
    }
    said.push(read)
  }
  return {
    model,
    version,
    isStream: options["stream"] === true,
    maxTokens: options["maxTokens"] === undefined ? undefined : Number(options["maxTokens"]),
    messages: said,
    tools
  }
}

const functionFields = new Set(["name", "description", "parameters", "strict"])

const readTools = (tools: unknown): ReadonlyArray<string> | string => {
  if (!Array.isArray(tools)) return "tools: a list is needed"
  const names: Array<string> = []
  for (const tool of tools) {
    const told = isObject(tool) && unknownName(tool, new Set(["function"])) === undefined ? tool["function"] : undefined
    if (!isObject(told)) return "tools: each must hold a `function`, and nothing else"
    const unknown = unknownName(told, functionFields)
    if (unknown !== undefined) return `unknown field "${unknown}" in FunctionTool`
    const { name, description, parameters, strict } = told
    if (typeof name !== "string" || name === "") return "tools: function.name is needed"
    if (!isObject(parameters)) return "tools: function.parameters is not a Struct"
    if (description !== undefined && typeof description !== "string") return "tools: function.description is no string"
    if (strict !== undefined && typeof strict !== "boolean") return "tools: function.strict is no boolean"
    names.push(name)
  }
  return names
}

const choiceFault = (body: Fields, tools: ReadonlyArray<string>): string | undefined => {
  const { toolChoice, parallelToolCalls } = body
  if (parallelToolCalls !== undefined && typeof parallelToolCalls !== "boolean")
    return "parallelToolCalls is no boolean"
  if (toolChoice === undefined) return undefined
  if (!isObject(toolChoice) || Object.keys(toolChoice).length !== 1) return "toolChoice: one of mode, functionName"
  const { mode, functionName } = toolChoice
  if (functionName !== undefined) {
    return tools.includes(String(functionName)) ? undefined : `toolChoice: no function "${String(functionName)}"`
  }
  if (mode === "REQUIRED" && tools.length === 0) return "toolChoice: there is no tool"
  return mode === "NONE" || mode === "AUTO" || mode === "REQUIRED" ? undefined : "toolChoice.mode is not known"
}

const formatFault = ({ jsonObject, jsonSchema }: Fields): string | undefined => {
  if (jsonObject !== undefined && jsonSchema !== undefined) return "one of jsonObject and jsonSchema"
  if (jsonObject !== undefined && typeof jsonObject !== "boolean") return "jsonObject is no boolean"
  if (jsonSchema === undefined) return undefined
  return isObject(jsonSchema) && Object.keys(jsonSchema).join() === "schema" && isObject(jsonSchema["schema"])
    ? undefined
    : "jsonSchema: `schema` is needed, and nothing else"
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

const readMessage = (message: unknown): SaidMessage | string => {
  if (!isObject(message)) return "an object is needed"
  const unknown = unknownName(message, messageFields)
  if (unknown !== undefined) return `unknown field "${unknown}" in Message`
  const { role, text, toolCallList, toolResultList } = message
  if (role !== "system" && role !== "user" && role !== "assistant") return `unknown role "${String(role)}"`
  if (Object.keys(message).length !== 2) return "exactly one of text, toolCallList, toolResultList is needed"
  if (toolCallList !== undefined) {
    const calls = readList(toolCallList, "toolCalls", "functionCall", ({ arguments: given }) => isObject(given))
    if (calls === undefined) return "toolCallList.toolCalls: each needs functionCall.name and an object of arguments"
    return role === "assistant" ? { role, text: "", calls } : "only an assistant calls"
  }
  if (toolResultList !== undefined) {
    const isText = ({ content }: Fields) => typeof content === "string"
    const results = readList(toolResultList, "toolResults", "functionResult", isText)
    if (results === undefined) return "toolResultList.toolResults: each needs functionResult.name and a content of text"
    return role === "user" ? { role, text: "", results } : "only a user gives results"
  }
  return typeof text === "string" && text !== "" ? { role, text } : "text is needed"
}

/** The names in a list of calls or results; undefined where the list is none. */
const readList = (
  list: unknown,
  entries: string,
  kind: string,
  isWhole: (told: Fields) => boolean
): ReadonlyArray<string> | undefined => {
  const all = isObject(list) ? list[entries] : undefined
  if (!Array.isArray(all) || all.length === 0) return undefined
  const names = all.flatMap((entry: unknown) => {
    const told = isObject(entry) && Object.keys(entry).length === 1 ? entry[kind] : undefined
    if (!isObject(told) || Object.keys(told).length !== 2 || !isWhole(told)) return []
    return typeof told["name"] === "string" && told["name"] !== "" ? [told["name"]] : []
  })
  return names.length === all.length ? names : undefined
}

// Embeddings

export interface Embedding {
  readonly model: string
  readonly text: string
  readonly dim: number | undefined
}

const embeddingFields = new Set(["modelUri", "text", "dim"])

export const readEmbedding = (body: unknown, folderId: string, models: ReadonlySet<string>): Embedding | Refused => {
  if (!isObject(body)) return invalid("the request body is not a JSON object")
  const unknown = unknownName(body, embeddingFields)
  if (unknown !== undefined) return invalid(`unknown field "${unknown}" in TextEmbeddingRequest`)
  const { modelUri, text, dim } = body
  const [, folder, model = ""] = /^emb:\/\/([^/]+)\/([^/]+)\/[^/]+$/.exec(String(modelUri)) ?? []
  if (folder === undefined) return invalid(`Failed to parse model URI '${String(modelUri)}'`)
  if (folder !== folderId) {
    return invalid(`Specified folder ID '${folder}' does not match with service account folder ID '${folderId}'`)
  }
  if (!models.has(model)) return { grpcCode: 5, httpCode: 404, message: `model '${String(modelUri)}' not found` }
  if (typeof text !== "string" || text === "") return invalid("text is needed")
  if (dim !== undefined && !(Number(dim) > 0)) return invalid("dim must be a positive int64")
  return { model, text, dim: dim === undefined ? undefined : Number(dim) }
}
