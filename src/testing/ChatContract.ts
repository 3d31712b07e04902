import { Effect, type Scope } from "effect"
import { isDeepStrictEqual } from "node:util"
import type { FunctionDefinition } from "../domain/ChatRequest.ts"
import type { Usage } from "../domain/Usage.ts"
import type { FoldedAnswer } from "./AnswerFold.ts"
import { atOnce, type Demand, folded, holds, question, streamed, type Subject, violated } from "./ContractCase.ts"

type Subjects = Effect.Effect<Subject, never, Scope.Scope>

/** What is asked of every provider that answers. */
export const chatCases = (subjects: Subjects, model: string): ReadonlyArray<Demand> => [
  {
    name: "has a name that can stand before the slash of a model's",
    kept: Effect.flatMap(subjects, ({ provider: { name } }) =>
      holds(
        /^[^/\s]+$/.test(name),
        `Its name is ${JSON.stringify(name)}: no slash and no space may be in it, and something must`
      )
    )
  },
  {
    name: "lists its models, each once",
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const ids = (yield* provider.models).map(({ id }) => id)
      yield* holds(
        ids.every((id) => id !== ""),
        "It lists a model without a name"
      )
      yield* holds(new Set(ids).size === ids.length, `It lists a model twice: ${ids.join(", ")}`)
    })
  },
  {
    name: "says of a model what it can do, and always the same",
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const told = provider.abilities?.(model)
      if (told === undefined) return
      yield* holds(told.input.has("text"), "It says that the model takes no text")
      yield* holds(isDeepStrictEqual(told, provider.abilities?.(model)), "It says something else when asked again")
      yield* Effect.sync(() => provider.abilities?.("a model that there is not"))
    })
  },
  {
    name: "sends nothing while it prepares, and prepares the same each time",
    kept: Effect.gen(function* () {
      const { provider, requests } = yield* subjects
      const first = yield* provider.prepare(question(model))
      const second = yield* provider.prepare(question(model))
      yield* holds(isDeepStrictEqual(first.dropped, second.dropped), "It drops something else the second time")
      yield* holds((requests?.() ?? 0) === 0, `It has sent ${requests?.()} requests before anybody pulled an answer`)
    })
  },
  {
    name: "tells a streamed answer in order, from one Started at most to exactly one Finished",
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const answer = yield* folded(streamed(yield* provider.prepare(question(model, { stream: true }))))
      yield* hasText(answer)
    })
  },
  {
    name: "tells an answer that is not streamed in the same order",
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const answer = yield* folded(atOnce(yield* provider.prepare(question(model))))
      yield* hasText(answer)
    })
  },
  {
    name: "says the same, streamed or not",
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const stream = yield* folded(streamed(yield* provider.prepare(question(model, { stream: true }))))
      const whole = yield* folded(atOnce(yield* provider.prepare(question(model))))
      yield* isSame(stream, whole)
    })
  },
  {
    name: "gives as a whole what its events tell",
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const prepared = yield* provider.prepare(question(model))
      if (prepared.whole === undefined) return
      yield* isSame(yield* folded(streamed(prepared)), yield* folded(prepared.whole))
    })
  },
  {
    name: "can send again what it has prepared, as a retry does",
    kept: Effect.gen(function* () {
      const { provider, requests } = yield* subjects
      const prepared = yield* provider.prepare(question(model, { stream: true }))
      yield* isSame(yield* folded(streamed(prepared)), yield* folded(streamed(prepared)))
      if (requests !== undefined) {
        yield* holds(requests() === 2, `Of two answers ${requests()} were asked for`)
      }
    })
  },
  {
    name: "counts tokens in whole numbers, none below zero and no part above its whole",
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const stream = yield* folded(streamed(yield* provider.prepare(question(model, { stream: true }))))
      const whole = yield* folded(atOnce(yield* provider.prepare(question(model))))
      yield* isCounted(stream.usage)
      yield* isCounted(whole.usage)
    })
  }
]

/** What is asked of one whose model calls tools. */
export const toolCases = (subjects: Subjects, model: string): ReadonlyArray<Demand> =>
  ([true, false] as const).map((stream) => ({
    name: `calls a tool that it is offered, ${stream ? "streamed" : "not streamed"}`,
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const prepared = yield* provider.prepare(
        question(model, { stream, tools: [{ type: "function", function: tool }] })
      )
      const { choices } = yield* folded(stream ? streamed(prepared) : atOnce(prepared))
      const [choice] = choices
      const [call] = choice?.calls ?? []
      if (choice === undefined || call === undefined) return yield* violated("No tool was called")
      yield* holds(call.name === tool.name, `It calls ${call.name}, where only ${tool.name} was offered`)
      yield* holds(choice.reason === "tool_calls", `An answer that calls a tool ends with ${choice.reason}`)
      yield* Effect.try({
        try: () => JSON.parse(call.arguments),
        catch: () => `The arguments are no JSON: ${call.arguments}`
      }).pipe(Effect.catch(violated))
    })
  }))

/** The tool that is offered. */
export const tool: FunctionDefinition = {
  name: "weather",
  description: "The weather of a city now",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
}

const hasText = ({ choices }: FoldedAnswer) =>
  holds(choices.length === 1 && choices[0]?.text !== "", "The answer is not one choice with a text in it")

const isSame = (one: FoldedAnswer, other: FoldedAnswer) =>
  holds(
    isDeepStrictEqual(one.choices, other.choices),
    `Two answers to one question differ: ${JSON.stringify(one.choices)} and ${JSON.stringify(other.choices)}`
  )

const isCounted = (usage: Usage | undefined) => {
  if (usage === undefined) return Effect.void
  const { cachedTokens, completionTokens, promptTokens, reasoningTokens } = usage
  const all = [cachedTokens, completionTokens, promptTokens, reasoningTokens]
  return holds(
    all.every((count) => Number.isInteger(count) && count >= 0) &&
      cachedTokens <= promptTokens &&
      reasoningTokens <= completionTokens,
    `The usage is ${JSON.stringify(usage)}`
  )
}
