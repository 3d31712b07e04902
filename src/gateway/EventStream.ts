import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"

/** An answer as server-sent events, as the OpenAPI document has it: `description` says what they are. */
export const eventStream = (description: string) =>
  Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" })).annotate({ description })
