import type { Abilities, Provider } from "../Provider.ts"
import { fannedOut } from "./FanOut.ts"
import { shaped } from "./ShapedAnswers.ts"
import { cutAtStops } from "./Stops.ts"

/**
 * The provider with what it lacks of `n`, `stop` and `response_format` made up for, wherever a request asks for it. One that does
 * not say what it can do passes everything on, and stays as it is.
 *
 * Each choice is a call of its own, whose text is brought into its form before it is cut: so a stop is looked for in what the
 * caller gets, as it is with a provider that does all three.
 */
export const emulated = (provider: Provider): Provider => {
  const { abilities, name, prepare } = provider
  if (abilities === undefined) return provider
  return {
    ...provider,
    abilities: (model) => completed(abilities(model)),
    prepare: (call) => {
      const { n = 1, response_format: format, stop } = call.request
      if (n === 1 && format === undefined && stop === undefined) return prepare(call)
      const { formats, parameters } = abilities(call.model)
      const type = format?.type
      const isShaped = (type === "json_object" || type === "json_schema") && !formats.has(type)
      let able = prepare
      if (isShaped) able = shaped(name, able)
      if (stop !== undefined && !parameters.has("stop")) able = cutAtStops(able)
      if (n > 1 && (isShaped || !parameters.has("n"))) able = fannedOut(name, able)
      return able(call)
    }
  }
}

/** With what is made up for. A model that embeds writes nothing, so there is nothing to be made up for. */
const completed = ({ formats, input, parameters }: Abilities): Abilities =>
  parameters.has("dimensions")
    ? { formats, input, parameters }
    : {
        formats: new Set(["json_object", "json_schema"]),
        input,
        parameters: new Set([...parameters, "n", "response_format", "stop"])
      }
