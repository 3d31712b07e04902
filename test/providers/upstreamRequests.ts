import { Duration, Effect } from "effect"
import type { Upstream, UpstreamOptions, UpstreamRequest } from "../../src/providers/Upstream.ts"

export const options = (baseUrl: string, more: Partial<UpstreamOptions> = {}): UpstreamOptions => ({
  provider: "openai",
  baseUrl,
  connectTimeout: Duration.seconds(5),
  idleTimeout: Duration.seconds(60),
  ...more
})

export const post = (path: string, body = "{}"): UpstreamRequest => ({
  method: "POST",
  path,
  headers: { "content-type": "application/json" },
  body
})

/** In the scope of the test. */
export const opened = (upstream: Upstream) => Effect.flatMap(Effect.scope, (scope) => upstream.stream(post("/"), scope))
