import { Result } from "effect"
import { carriedBy } from "../router/Carried.ts"
import type { Catalog, CatalogModel } from "../router/Catalog.ts"
import { pricingOf } from "./ModelPrice.ts"
import type { Model, ModelParameters } from "./ModelsApi.ts"

export type Entry = (typeof Model)["Type"]

/** A model as `/v1/models` tells it: what its providers carry, as far as the model is not known to take less. */
export const entry = (catalog: Catalog["Service"], model: CatalogModel): Entry => {
  const { contextLength = null, created, id, input, outputLength = null, ownedBy, price } = model
  const isChat = model.purpose !== "embedding"
  const carried = Result.match(catalog.resolve(id), {
    onFailure: () => carriedBy([]),
    onSuccess: ({ candidates, fallbacks }) => carriedBy([...candidates, ...fallbacks])
  })
  const inputs = isChat ? carried.input.filter((kind) => input?.includes(kind) ?? true) : (["text"] as const)
  const output = isChat ? "text" : "embeddings"
  return {
    id,
    object: "model",
    created,
    owned_by: ownedBy,
    name: model.name ?? id,
    context_length: contextLength,
    architecture: {
      modality: `${inputs.join("+")}->${output}`,
      input_modalities: inputs,
      output_modalities: [output]
    },
    pricing: price === undefined ? null : pricingOf(price),
    top_provider: { context_length: contextLength, max_completion_tokens: outputLength },
    supported_parameters: isChat ? carried.parameters.filter((name) => isKnownTo(model, name)) : []
  }
}

/** How long an answer may be is told to every model, under the one name or the other. */
const isKnownTo = ({ parameters }: CatalogModel, name: string): boolean =>
  parameters === undefined || parameters.includes(name) || /^max(_completion)?_tokens$/.test(name)

export const parametersOf = ({ id, supported_parameters }: Entry): (typeof ModelParameters)["Type"] => ({
  data: { model: id, supported_parameters }
})
