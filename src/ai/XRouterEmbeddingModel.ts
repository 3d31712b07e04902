import { Effect, Layer } from "effect"
import * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Model from "effect/ai/Model"
import { mostTexts } from "../domain/EmbeddingRequest.ts"
import { Catalog } from "../router/Catalog.ts"
import { Router } from "../router/Router.ts"
import { makeRequestId } from "./Asking.ts"
import { aiError, type Place } from "./Reasons.ts"

/** A model of the router that embeds, as `effect/ai` shall have it. */
export interface EmbeddingModelOptions {
  /** As a client of the gateway would call it: `gigachat/Embeddings`, `yandexgpt/text-search-doc`. */
  readonly model: string
  /** How many numbers a vector shall have; as many as the model gives unless said. Of a model that has others the call fails. */
  readonly dimensions?: number | undefined
}

/**
 * Effect's `EmbeddingModel` over the router of this process, without HTTP. Texts that are embedded at once travel together, up to 2048 a
 * call; the usage is their sum, and none where a provider tells none. Calls fail with `AiError`, whose reason tells ours too
 * (`Reasons.ts`). Interrupting a call closes the upstream's connection at once.
 */
export const make = Effect.fnUntraced(function* ({
  dimensions,
  model
}: EmbeddingModelOptions): Effect.fn.Return<EmbeddingModel.EmbeddingModel, never, Router | Catalog> {
  const router = yield* Router
  const catalog = yield* Catalog

  const embed = (input: ReadonlyArray<string>): Effect.Effect<EmbeddingModel.ProviderResponse, AiError.AiError> =>
    Effect.fromResult(catalog.resolve(model)).pipe(
      Effect.flatMap((resolution) => router.embed({ requestId: makeRequestId(), input, dimensions, resolution })),
      Effect.flatMap(({ open }) => Effect.scoped(open)),
      Effect.mapError((failure) => aiError(place, failure)),
      Effect.flatMap(({ embeddings: { promptTokens, vectors } }) => {
        const other = vectors.find(({ length }) => dimensions !== undefined && length !== dimensions)
        return other === undefined
          ? Effect.succeed({ results: vectors.map((vector) => [...vector]), usage: { inputTokens: promptTokens } })
          : Effect.fail(otherDimensions(model, other.length, dimensions))
      })
    )

  return yield* EmbeddingModel.make({
    embedMany: ({ inputs }) =>
      inputs.length <= mostTexts ? embed(inputs) : Effect.map(Effect.forEach(portions(inputs), embed), together)
  })
})

/** `EmbeddingModel` by this model of the router. */
export const layer = (
  options: EmbeddingModelOptions
): Layer.Layer<EmbeddingModel.EmbeddingModel, never, Router | Catalog> =>
  Layer.effect(EmbeddingModel.EmbeddingModel, make(options))

/** The same as a `Model` of `effect/ai`, which tells its name and its `Dimensions` too. */
export const model = (
  options: EmbeddingModelOptions & { readonly dimensions: number }
): Model.Model<"xrouter", EmbeddingModel.EmbeddingModel | EmbeddingModel.Dimensions, Router | Catalog> =>
  Model.make(
    "xrouter",
    options.model,
    Layer.merge(layer(options), Layer.succeed(EmbeddingModel.Dimensions, options.dimensions))
  )

const place: Place = { module: "XRouterEmbeddingModel", method: "embedMany" }

const otherDimensions = (model: string, given: number, wanted: number | undefined) =>
  AiError.make({
    ...place,
    reason: new AiError.InvalidOutputError({
      description: `${model} gave vectors of ${given} numbers, where ${wanted} were asked for`
    })
  })

const portions = (inputs: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(inputs.length / mostTexts) }, (_, at) =>
    inputs.slice(at * mostTexts, (at + 1) * mostTexts)
  )

const together = (answers: ReadonlyArray<EmbeddingModel.ProviderResponse>): EmbeddingModel.ProviderResponse => ({
  results: answers.flatMap(({ results }) => results),
  usage: {
    inputTokens: answers.reduce<number | undefined>(
      (sum, { usage: { inputTokens } }) =>
        sum === undefined || inputTokens === undefined ? undefined : sum + inputTokens,
      0
    )
  }
})
