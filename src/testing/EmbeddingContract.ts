import { Effect, type Scope } from "effect"
import { isDeepStrictEqual } from "node:util"
import type { ProviderFailure } from "../domain/Errors.ts"
import type { PreparedEmbeddings, Provider } from "../providers/Provider.ts"
import { type Demand, holds, question, type Subject, violated } from "./ContractCase.ts"
import type { ContractViolation } from "./ContractViolation.ts"

/** What is asked of a provider that embeds. */
export const embeddingCases = (
  subjects: Effect.Effect<Subject, never, Scope.Scope>,
  model: string
): ReadonlyArray<Demand> => [
  {
    name: "embeds each text, in the order of the texts",
    kept: Effect.gen(function* () {
      const { provider } = yield* subjects
      const { promptTokens, vectors } = yield* embedded(provider, model, texts)
      yield* holds(vectors.length === texts.length, `Of ${texts.length} texts there are ${vectors.length} vectors`)
      yield* holds(
        vectors.every((vector) => vector.length > 0 && vector.every(Number.isFinite)),
        "There is a vector that is none"
      )
      yield* holds(new Set(vectors.map(({ length }) => length)).size === 1, "The vectors are not of one length")
      yield* holds(
        promptTokens === undefined || (Number.isInteger(promptTokens) && promptTokens >= 0),
        `It has counted ${promptTokens} tokens`
      )
      const others = yield* embedded(provider, model, texts.toReversed())
      yield* holds(isDeepStrictEqual(others.vectors.toReversed(), vectors), "The vectors do not follow their texts")
    })
  },
  {
    name: "embeds nothing while it prepares",
    kept: Effect.gen(function* () {
      const { provider, requests } = yield* subjects
      yield* prepared(provider, model, texts)
      yield* holds(
        (requests?.() ?? 0) === 0,
        `It has sent ${requests?.()} requests before anybody asked for the vectors`
      )
    })
  }
]

const texts = ["The cat sat on the mat", "Rome", "What is the capital of Italy?"]

const prepared = (
  provider: Provider,
  model: string,
  input: ReadonlyArray<string>
): Effect.Effect<PreparedEmbeddings, ProviderFailure | ContractViolation> =>
  provider.embed === undefined
    ? violated("It has no `embed`")
    : provider.embed({ requestId: question(model).requestId, model, input })

const embedded = (provider: Provider, model: string, input: ReadonlyArray<string>) =>
  Effect.flatMap(prepared(provider, model, input), ({ embeddings }) => embeddings)
