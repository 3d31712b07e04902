import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { authErrors, requestErrors } from "./ErrorSchemas.ts"

const ComponentStatus = Schema.Literals(["up", "degraded", "down", "off"])

export const Health = Schema.Struct({
  status: Schema.Literals(["up", "degraded", "down"]),
  components: Schema.Struct({
    database: ComponentStatus,
    redis: ComponentStatus,
    providers: Schema.Record(Schema.String, ComponentStatus)
  })
}).annotate({ identifier: "Health" })

const Live = Schema.Struct({ status: Schema.Literal("up") })
const Ready = Schema.Struct({ status: Schema.Literals(["up", "degraded"]) })

export class HealthApi extends HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("live", "/health/live", { success: Live, error: requestErrors }).annotateMerge(
    OpenApi.annotations({ summary: "The process runs" })
  ),
  HttpApiEndpoint.get("ready", "/health/ready", { success: Ready, error: requestErrors }).annotateMerge(
    OpenApi.annotations({ summary: "This instance can serve; 503 while it starts, drains or lacks what it needs" })
  ),
  HttpApiEndpoint.get("health", "/health", {
    success: [Health, Health.pipe(HttpApiSchema.status(503))],
    error: requestErrors
  }).annotateMerge(OpenApi.annotations({ summary: "Each component; 200 while this instance can serve" })),
  HttpApiEndpoint.get("providers", "/health/providers", {
    success: Schema.Record(Schema.String, Schema.Struct({ status: ComponentStatus })),
    error: requestErrors
  }).annotateMerge(OpenApi.annotations({ summary: "Each provider" })),
  HttpApiEndpoint.get("metrics", "/metrics", {
    success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" })),
    error: [...requestErrors, ...authErrors]
  }).annotateMerge(OpenApi.annotations({ summary: "Prometheus' text format" }))
) {}
