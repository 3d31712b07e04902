/** The endpoints that models answer at, and that limits are for. */
export const inferenceRoutes: ReadonlySet<string> = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/responses"
])
