import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authorization } from "./Authorization.ts"

export const Model = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("model"),
  /** Unix seconds; 0 where the provider tells none. */
  created: Schema.Int,
  owned_by: Schema.String,
  /** Most tokens of a request and its answer together; null where the provider tells none. */
  context_length: Schema.NullOr(Schema.Int),
  architecture: Schema.Struct({
    input_modalities: Schema.Array(Schema.Literals(["text", "image"])),
    output_modalities: Schema.Array(Schema.Literals(["text", "embeddings"]))
  }),
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
