import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authorization } from "./Authorization.ts"

export const Model = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("model"),
  /** Unix seconds; 0 where the provider tells none. */
  created: Schema.Int,
  owned_by: Schema.String
}).annotate({ identifier: "Model" })

export const ModelList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(Model)
})

export class ModelsApi extends HttpApiGroup.make("models")
  .add(
    HttpApiEndpoint.get("listModels", "/v1/models", {
      query: { provider: Schema.optionalKey(Schema.String) },
      success: ModelList
    }).annotateMerge(OpenApi.annotations({ summary: "List the models, of all providers or of one" })),
    HttpApiEndpoint.get("retrieveModel", "/v1/models/:id", {
      params: { id: Schema.String },
      success: Model
    }).annotateMerge(
      OpenApi.annotations({ summary: "Retrieve a model", description: "The id may hold `/`, also as `%2F`" })
    )
  )
  .middleware(Authorization) {}
