import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authorization } from "./Authorization.ts"

export const ProviderState = Schema.Struct({
  provider: Schema.String,
  status: Schema.Literals(["operational", "degraded", "down"]),
  /** Milliseconds to the first content, the middle one of the last calls; null where none has succeeded yet. */
  latency_ms: Schema.NullOr(Schema.Int),
  /** Of the last hundred calls, from 0 to 1; null where there was none. */
  success_rate: Schema.NullOr(Schema.Finite),
  circuit: Schema.Literals(["closed", "open", "half_open"]),
  /** When the status became what it is, ISO 8601. */
  last_change: Schema.String
}).annotate({ identifier: "ProviderState" })

export class ProvidersStatusApi extends HttpApiGroup.make("providersStatus")
  .add(
    HttpApiEndpoint.get("providersStatus", "/v1/providers/status", {
      success: Schema.Struct({ object: Schema.Literal("list"), data: Schema.Array(ProviderState) })
    }).annotateMerge(
      OpenApi.annotations({ summary: "How each provider has served this instance lately, by what became of its calls" })
    )
  )
  .middleware(Authorization) {}
