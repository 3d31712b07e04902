import { Effect } from "effect"
import type { ChatRequest } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import type { Abilities, ChatCall, Provider } from "../Provider.ts"
import { checked } from "./CheckedAnswers.ts"
import { fannedOut } from "./FanOut.ts"
import { isOld, oldFunctions } from "./OldFunctions.ts"
import { promptedTools } from "./PromptedTools.ts"
import { chosen, required } from "./RequiredCall.ts"
import { shaped } from "./ShapedAnswers.ts"
import { cutAtStops } from "./Stops.ts"
import { hasCalls } from "./ToolWords.ts"
import type { Prepare } from "./Whole.ts"

/**
 * The provider with what it lacks of tools, `response_format`, `stop` and `n` made up for, wherever a request asks for it. One that
 * does not say what it can do passes everything on, but for the tools of models that have none.
 *
 * Each choice is a call of its own, whose text is read for calls and brought into its form before it is cut: so a stop is looked
 * for in what the caller gets, as it is with a provider that does all of them.
 */
export const emulated = (provider: Provider): Provider => {
  const { abilities, name, prepare } = provider
  return {
    ...provider,
    ...(abilities === undefined
      ? {}
      : { abilities: (model) => completed(abilities(model), provider.fansOut !== false) }),
    prepare: (call) => {
      if (abilities === undefined && call.tools === undefined) return prepare(call)
      const isOldRequest = isOld(call.request)
      if (call.tools === "prompt" && (isOldRequest || hasTools(call.request))) {
        const calling = promptedTools(name, prepare)
        return made(
          provider,
          call,
          isOldRequest ? oldFunctions({ provider: name, takesOne: true }, calling) : calling,
          leftNothing
        )
      }
      if (abilities === undefined) return prepare(call)
      const { function_call: oldChoice, n = 1, response_format: format, stop, tool_choice: choice } = call.request
      const isChoosing = choice !== undefined && choice !== "auto" && choice !== "none"
      if (n === 1 && format === undefined && stop === undefined && !isChoosing && !isOldRequest) return prepare(call)
      const able = abilities(call.model)
      const { parameters } = able
      const isPutNewly = isOldRequest && parameters.has("tools") && !parameters.has("functions")
      let calling = prepare
      if (isChoosing && able.isCallNamed === true) calling = required(name, calling)
      if (able.isCallFree === true && (isChoosing || (isPutNewly && typeof oldChoice === "object"))) {
        calling = chosen(name, calling)
      }
      if (isPutNewly) {
        calling = oldFunctions({ provider: name, takesOne: parameters.has("parallel_tool_calls") }, calling)
      }
      return made(provider, call, calling, able)
    }
  }
}

const hasTools = ({ messages, tools }: ChatRequest): boolean => tools !== undefined || hasCalls(messages)

/** To a model that is told of its tools: its stop or its form would be that of a call's text as well. */
const leftNothing: Abilities = { parameters: new Set(), formats: new Set(), input: new Set() }

/** Form, stops and choices, around whoever makes the calls. */
const made = (
  { fansOut, isCounted, name }: Provider,
  call: ChatCall,
  prepare: Prepare,
  { formats, isSchemaNarrow, parameters }: Abilities
) => {
  const { n = 1, response_format: format, stop } = call.request
  const type = format?.type
  const isFormed = type === "json_object" || type === "json_schema"
  const isShaped = isFormed && !formats.has(type)
  const isChecked = type === "json_schema" && !isShaped && isSchemaNarrow === true
  let able = prepare
  if (isShaped) able = shaped(name, able)
  if (isChecked) able = checked(name, able)
  if (stop !== undefined && !parameters.has("stop")) able = cutAtStops(able)
  if (n === 1 || (parameters.has("n") && !isShaped && !isChecked)) return able(call)
  return fansOut === false ? Effect.fail(oneChoice(name)) : fannedOut(name, able, isCounted?.() === true)(call)
}

const oneChoice = (provider: string) =>
  new ValidationError({
    reason: "unsupported_parameter",
    message: `\`n\` is not supported by ${provider}: each choice would be a call of its own, and this gateway is set to make one`,
    param: "n",
    provider
  })

/** With what is made up for. A model that embeds writes nothing, so there is nothing to be made up for. */
const completed = (abilities: Abilities, fansOut: boolean): Abilities => {
  const { parameters } = abilities
  if (parameters.has("dimensions")) return abilities
  const more = ["response_format", "stop"]
  if (fansOut) more.push("n")
  if (parameters.has("tools")) more.push("functions", "function_call")
  if (abilities.isCallFree === true) more.push("tool_choice")
  return {
    ...abilities,
    formats: new Set(["json_object", "json_schema"]),
    parameters: new Set([...parameters, ...more])
  }
}
