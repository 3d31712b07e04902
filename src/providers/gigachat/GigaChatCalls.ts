import type { Json } from "../../domain/Json.ts"
import { isJsonObject } from "../../domain/Json.ts"
import { readJson } from "../JsonText.ts"
import { readExactObject } from "../ExactJson.ts"

// State ids

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
const isUuid = new RegExp(`^${uuid}$`, "i")
const withState = new RegExp(`^call_(${uuid})$`, "i")

/**
 * A call's id for the caller. It carries GigaChat's `functions_state_id`, which belongs on the same call when the conversation
 * goes on, and of which the gateway keeps nothing; `own` stands where GigaChat gave none.
 */
export const callId = (stateId: string | null | undefined, own: string): string =>
  typeof stateId === "string" && isUuid.test(stateId) ? `call_${stateId}` : own

/** GigaChat refuses ids that it did not give: of a call that another model made, there is none. */
export const stateIdOf = (id: string): string | undefined => withState.exec(id)?.[1]

// Arguments

/** GigaChat takes arguments as an object. Undefined where the text is none. */
export const argumentsObject = (text: string) => (text.trim() === "" ? {} : readExactObject(text))

/** The arguments of the call in an answer's text, as JSON text: their numbers stand as they were sent. */
export const argumentsText = (answer: string, told: unknown): string => {
  if (typeof told === "string") return told === "" ? "{}" : told
  if (!isJsonObject(told)) return "{}"
  const choices = readExactObject(answer)?.["choices"]
  const choice: Json | undefined = Array.isArray(choices) ? choices[0] : undefined
  const said = isJsonObject(choice) ? (choice["message"] ?? choice["delta"]) : undefined
  const call = isJsonObject(said) ? said["function_call"] : undefined
  return JSON.stringify((isJsonObject(call) ? call["arguments"] : undefined) ?? told)
}

// Results

/** GigaChat takes a function's result as JSON text, and refuses any other. */
export const resultText = (text: string): string => {
  if (text === "") return "{}"
  return readJson(text) === undefined ? JSON.stringify({ result: text }) : text
}
