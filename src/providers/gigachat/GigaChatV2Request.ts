import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { readExactObject } from "../ExactJson.ts"
import { elements } from "../JsonText.ts"

/**
 * What is asked of `POST /v2/chat/completions`, in v2's words: the same as of v1, at other places. A message is a list of parts, a
 * result is JSON and no text of it, what governs the model stands in `model_options`, functions are one kind of `tools` (the vendor's
 * Python SDK, `models/chat_completions.py`; none of its own tools is asked for).
 */
export const requestOfV2 = ({
  flags,
  function_call: choice,
  function_ranker: ranker,
  functions,
  messages,
  model,
  profanity_check: isFiltered,
  reasoning_effort: effort,
  stream,
  ...options
}: JsonObject): JsonObject => {
  const governing = { ...options, ...(effort === undefined ? {} : { reasoning: { effort } }) }
  return {
    model,
    messages: messagesOf(messages),
    model_options: Object.values(governing).some((value) => value !== undefined) ? governing : undefined,
    tools: functions === undefined ? undefined : [{ functions: { specifications: functions } }],
    tool_config: toolConfig(choice),
    ranker_options: ranker,
    disable_filter: typeof isFiltered === "boolean" ? !isFiltered : undefined,
    flags,
    stream
  }
}

const toolConfig = (choice: Json | undefined): JsonObject | undefined => {
  if (choice === undefined) return undefined
  return isJsonObject(choice) ? { mode: "forced", function_name: choice["name"] } : { mode: choice }
}

/** A result belongs to the state of the call before it, as the call does. */
const messagesOf = (messages: Json | undefined): ReadonlyArray<JsonObject> => {
  let state: Json | undefined
  return elements(messages)
    .filter(isJsonObject)
    .map((message) => {
      const { role } = message
      if (role === "assistant") state = message["functions_state_id"]
      return role === "function"
        ? { role: "tool", content: [resultPart(message)], tools_state_id: state }
        : { role, content: partsOf(message), tools_state_id: message["functions_state_id"] }
    })
}

const partsOf = ({ attachments, content, function_call: call }: JsonObject): ReadonlyArray<JsonObject> => {
  const parts: Array<JsonObject> = []
  if (attachments !== undefined) parts.push({ files: elements(attachments).map((id) => ({ id })) })
  if (call !== undefined) parts.push({ function_call: call })
  // A message has one part at least.
  return content === "" && parts.length > 0 ? parts : [{ text: content }, ...parts]
}

/** In v1 a result is JSON text; its numbers stand as they stood. */
const resultPart = ({ content, name }: JsonObject): JsonObject => ({
  function_result: { name, result: readExactObject(`{"of":${String(content)}}`)?.["of"] ?? null }
})
