/**
 * The names of what spans tell. They are OpenTelemetry's semantic conventions where those have one: HTTP's, which are stable, and those of
 * generative AI, which are still in development and move. What they have no word for is named `xrouter.…`.
 */
export const names = {
  method: "http.request.method",
  route: "http.route",
  status: "http.response.status_code",
  client: "client.address",
  user: "enduser.id",
  error: "error.type",
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  model: "gen_ai.request.model",
  stream: "gen_ai.request.stream",
  answerId: "gen_ai.response.id",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cachedTokens: "gen_ai.usage.cache_read.input_tokens",
  firstContent: "gen_ai.response.time_to_first_chunk",
  requestId: "xrouter.request_id",
  keyId: "xrouter.key_id",
  code: "xrouter.error.code",
  cancelled: "xrouter.cancelled",
  attempts: "xrouter.attempts",
  attempt: "xrouter.attempt.number",
  attemptKind: "xrouter.attempt.kind",
  estimated: "xrouter.usage.estimated"
} as const

export type AttributeName = (typeof names)[keyof typeof names]

/** As `gen_ai.operation.name` knows them. */
export type Operation = "chat" | "text_completion" | "embeddings"
