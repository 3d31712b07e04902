import { promptedParameters } from "../providers/emulation/PromptedTools.ts"
import { openAiParameters } from "../providers/openai/OpenAiParameters.ts"
import type { Abilities } from "../providers/Provider.ts"
import type { Candidate } from "./Policy.ts"

/** What a model can be asked for, under whatever name it is called. */
export interface Carried {
  /** OpenAI's names of a chat request's parameters, in the order of the alphabet. */
  readonly parameters: ReadonlyArray<string>
  readonly input: ReadonlyArray<"text" | "image">
}

/** Of a provider that says nothing of it, since it passes everything on. */
const passedOn: Abilities = {
  parameters: new Set(openAiParameters),
  formats: new Set(["json_object", "json_schema"]),
  input: new Set(["text", "image"])
}

/** Every provider is told how long an answer may be. */
const ofAll = ["max_completion_tokens", "max_tokens"]

/**
 * What each of the candidates carries, so that it does not depend on who serves. Of a provider that passes everything on it is
 * what OpenAI's language has; its models may know less.
 */
export const carriedBy = (candidates: ReadonlyArray<Candidate>): Carried => {
  const all = candidates.map(abilitiesOf)
  const [first = passedOn, ...others] = all
  return {
    parameters: [...ofAll, ...first.parameters]
      .filter((name) => ofAll.includes(name) || others.every(({ parameters }) => parameters.has(name)))
      .filter((name, index, names) => names.indexOf(name) === index)
      .sort(),
    input: [...first.input].filter((kind) => others.every(({ input }) => input.has(kind)))
  }
}

const abilitiesOf = ({ model, provider, tools }: Candidate): Abilities => {
  const abilities = provider.abilities?.(model) ?? passedOn
  return tools === "prompt"
    ? { ...abilities, parameters: new Set([...abilities.parameters, ...promptedParameters]) }
    : abilities
}
