import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authorization } from "./Authorization.ts"
import { CallBody } from "./UsageBody.ts"

/** What one call of the caller's own used and cost. */
export class GenerationApi extends HttpApiGroup.make("generation")
  .add(
    HttpApiEndpoint.get("getGeneration", "/v1/generation", {
      query: { id: Schema.String },
      success: Schema.Struct({ data: CallBody })
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Tell what one call used and cost",
        description: "`id` is the answer's own id, or the `x-request-id` of the call"
      })
    )
  )
  .middleware(Authorization) {}
