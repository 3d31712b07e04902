import type { FinishReason } from "../../domain/ChatEvent.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { tokenCount, type Usage } from "../../domain/Usage.ts"
import { elements, filled } from "../JsonText.ts"

/** One CompletionResponse: the whole answer as it stands, be it a line of a stream or all that there is. */
export interface Snapshot {
  readonly text: string
  /** The calls of tools so far, all complete. */
  readonly calls: ReadonlyArray<CalledFunction>
  readonly status: Status
  readonly usage: Usage | undefined
  readonly modelVersion: string | undefined
}

export interface CalledFunction {
  /** Empty where the vendor named none. */
  readonly name: string
  /** An object, unless the vendor broke its word. */
  readonly arguments: Json
}

/**
 * `going` is not the end. `unknown` is the end if nothing follows: an unspecified status, or one that this gateway has not
 * heard of.
 */
export type Status = FinishReason | "going" | "unknown"

/** The envelope's `result` is there in both modes; an operation's response comes without it. */
export const readSnapshot = (envelope: Json | undefined): Snapshot | undefined => {
  if (!isJsonObject(envelope)) return undefined
  const result = isJsonObject(envelope["result"]) ? envelope["result"] : envelope
  const [alternative] = elements(result["alternatives"])
  if (!isJsonObject(alternative)) return undefined
  const message = isJsonObject(alternative["message"]) ? alternative["message"] : {}
  return {
    text: filled(message["text"]) ?? "",
    calls: callsOf(message["toolCallList"]),
    status: statusOf(alternative["status"]),
    usage: isJsonObject(result["usage"]) ? usageOf(result["usage"]) : undefined,
    modelVersion: filled(result["modelVersion"])
  }
}

const callsOf = (list: Json | undefined): ReadonlyArray<CalledFunction> =>
  isJsonObject(list)
    ? elements(list["toolCalls"]).map((call) => {
        const said = isJsonObject(call) && isJsonObject(call["functionCall"]) ? call["functionCall"] : {}
        // An empty Struct may be left out of protobuf's JSON.
        return { name: filled(said["name"]) ?? "", arguments: said["arguments"] ?? {} }
      })
    : none

const none: ReadonlyArray<CalledFunction> = []

const statusOf = (status: unknown): Status => {
  switch (status) {
    case "ALTERNATIVE_STATUS_PARTIAL":
      return "going"
    case "ALTERNATIVE_STATUS_FINAL":
      return "stop"
    case "ALTERNATIVE_STATUS_TRUNCATED_FINAL":
      return "length"
    case "ALTERNATIVE_STATUS_CONTENT_FILTER":
      return "content_filter"
    case "ALTERNATIVE_STATUS_TOOL_CALLS":
      return "tool_calls"
    default:
      return "unknown"
  }
}

/** Counts are int64, which protobuf's JSON writes as strings. */
const usageOf = (usage: JsonObject): Usage => {
  const details = usage["completionTokensDetails"]
  return {
    promptTokens: tokenCount(usage["inputTextTokens"]),
    completionTokens: tokenCount(usage["completionTokens"]),
    cachedTokens: 0,
    reasoningTokens: isJsonObject(details) ? tokenCount(details["reasoningTokens"]) : 0
  }
}
