import { Duration } from "effect"
import type { UpstreamOptions, UpstreamRequest } from "../../src/providers/Upstream.ts"

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
