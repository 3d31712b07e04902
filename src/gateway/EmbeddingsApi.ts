import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { EmbeddingRequest } from "../domain/EmbeddingRequest.ts"
import { Authorization } from "./Authorization.ts"
import { inferenceErrors } from "./ErrorSchemas.ts"

const Body = EmbeddingRequest.annotate({
  identifier: "EmbeddingRequest",
  description:
    "OpenAI's embedding request, texts only: lists of tokens are refused. `null` counts as absent. Fields that are not listed pass on to upstreams that speak OpenAI's dialect."
})

const EmbeddingList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(
    Schema.Struct({
      object: Schema.Literal("embedding"),
      index: Schema.Int,
      embedding: Schema.Union([Schema.Array(Schema.Finite), Schema.String]).annotate({
        description: "Numbers, or with `encoding_format: base64` little-endian float32 in base64"
      })
    })
  ),
  model: Schema.String,
  usage: Schema.Struct({ prompt_tokens: Schema.Int, total_tokens: Schema.Int })
}).annotate({ identifier: "EmbeddingList" })

/** Served by `EmbeddingsRoute.ts`. */
export class EmbeddingsApi extends HttpApiGroup.make("embeddings")
  .add(
    HttpApiEndpoint.post("createEmbedding", "/v1/embeddings", {
      payload: Body,
      success: EmbeddingList,
      error: inferenceErrors
    }).annotateMerge(OpenApi.annotations({ summary: "Create embeddings" }))
  )
  .middleware(Authorization) {}
