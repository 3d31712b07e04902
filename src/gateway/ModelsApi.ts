import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authorization } from "./Authorization.ts"

/** OpenRouter's names. For one token, as decimal text; what is not known is null as a whole, never 0. */
export const ModelPricing = Schema.Struct({
  prompt: Schema.String,
  completion: Schema.String,
  /** Of tokens of the prompt that the provider had cached. */
  input_cache_read: Schema.String,
  /** ISO 4217; OpenRouter's own prices are in USD. */
  currency: Schema.String,
  /** The day on which the price was read, of one that the vendor documents; null of what the operator or the provider tells. */
  as_of: Schema.NullOr(Schema.String),
  source: Schema.NullOr(Schema.String)
}).annotate({ identifier: "ModelPricing" })

const TokenLength = Schema.NullOr(Schema.Int)

export const Model = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("model"),
  /** Unix seconds; 0 where the provider tells none. */
  created: Schema.Int,
  owned_by: Schema.String,
  /** As people call it; its id where no other name is known. */
  name: Schema.String,
  /** Most tokens of a request and its answer together; null where it is not known. */
  context_length: TokenLength,
  architecture: Schema.Struct({
    /** `text+image->text` */
    modality: Schema.String,
    input_modalities: Schema.Array(Schema.Literals(["text", "image"])),
    output_modalities: Schema.Array(Schema.Literals(["text", "embeddings"]))
  }),
  pricing: Schema.NullOr(ModelPricing).annotate({
    description:
      "For information: a call is charged by the operator's price of the name that it asks for, and by no other"
  }),
  top_provider: Schema.Struct({ context_length: TokenLength, max_completion_tokens: TokenLength }),
  /** OpenAI's names; none of a model that only embeds. */
  supported_parameters: Schema.Array(Schema.String)
}).annotate({ identifier: "Model" })

export const ModelParameters = Schema.Struct({
  data: Schema.Struct({ model: Schema.String, supported_parameters: Schema.Array(Schema.String) })
}).annotate({ identifier: "ModelParameters" })

export const ModelList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(Model)
})

export class ModelsApi extends HttpApiGroup.make("models")
  .add(
    HttpApiEndpoint.get("listModels", "/v1/models", {
      query: {
        provider: Schema.optionalKey(Schema.String),
        /** Names separated by commas: the models that carry all of them. */
        supported_parameters: Schema.optionalKey(Schema.String)
      },
      success: ModelList
    }).annotateMerge(OpenApi.annotations({ summary: "List the models, of all providers or of one" })),
    HttpApiEndpoint.get("retrieveModel", "/v1/models/:id", {
      params: { id: Schema.String },
      success: Model
    }).annotateMerge(
      OpenApi.annotations({ summary: "Retrieve a model", description: "The id may hold `/`, also as `%2F`" })
    ),
    HttpApiEndpoint.get("modelParameters", "/v1/parameters/:id", {
      params: { id: Schema.String },
      success: ModelParameters
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Tell which parameters a model carries",
        description:
          "Those that each of its providers carries or XRouter does in its place. The id may hold `/`, also as `%2F`"
      })
    )
  )
  .middleware(Authorization) {}
