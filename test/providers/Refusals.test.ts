import { assert, describe, it } from "@effect/vitest"
import { refusalFailure, type Refused } from "../../src/providers/Refusals.ts"

const refused = (status: number | undefined, more: Partial<Refused> = {}) =>
  refusalFailure({ provider: "openai", status, message: "", ...more })

describe("A refusal", () => {
  for (const [status, more, tag, reason] of [
    [400, {}, "ValidationError", "provider_rejected_request"],
    [409, {}, "ValidationError", "provider_rejected_request"],
    [413, {}, "ValidationError", "provider_rejected_request"],
    [422, {}, "ValidationError", "provider_rejected_request"],
    [400, { code: "context_length_exceeded" }, "ValidationError", "context_length_exceeded"],
    [
      400,
      { message: "This model's maximum context length is 8192 tokens" },
      "ValidationError",
      "context_length_exceeded"
    ],
    [422, { message: "prompt is too long" }, "ValidationError", "context_length_exceeded"],
    [413, { message: "Слишком длинный запрос" }, "ValidationError", "context_length_exceeded"],
    [400, { code: "model_not_found" }, "ValidationError", "model_not_found"],
    [404, { code: "model_not_found" }, "ValidationError", "model_not_found"],
    [404, { message: "No such model" }, "ValidationError", "model_not_found"],
    [404, { message: "Not Found" }, "ProviderError", "provider_failed"],
    [401, {}, "ProviderError", "provider_rejected_credentials"],
    [403, {}, "ProviderError", "provider_rejected_credentials"],
    [400, { code: "invalid_api_key" }, "ProviderError", "provider_rejected_credentials"],
    [402, {}, "ProviderError", "provider_failed"],
    [429, { code: "insufficient_quota" }, "ProviderError", "provider_failed"],
    [429, {}, "RateLimitError", "provider_rate_limit"],
    [408, {}, "ProviderError", "provider_failed"],
    [500, {}, "ProviderError", "provider_failed"],
    [502, {}, "ProviderError", "provider_failed"],
    [503, {}, "ProviderError", "provider_unavailable"],
    [529, {}, "ProviderError", "provider_unavailable"],
    [504, {}, "ProviderError", "provider_timeout"],
    [405, {}, "ProviderError", "provider_failed"],
    [204, {}, "ProviderError", "provider_invalid_answer"],
    [302, {}, "ProviderError", "provider_invalid_answer"],
    [undefined, {}, "ProviderError", "provider_failed"]
  ] as const) {
    it(`of status ${status ?? "none"} ${JSON.stringify(more)} is ${tag}: ${reason}`, () => {
      const failure = refused(status, more)
      assert.strictEqual(failure._tag, tag)
      assert.strictEqual(failure.reason, reason)
      if (failure._tag === "ProviderError") assert.strictEqual(failure.upstreamStatus, status)
    })
  }

  it("can be tried elsewhere or later only where that may help", () => {
    const retryable = (status: number | undefined, more: Partial<Refused> = {}) => {
      const failure = refused(status, more)
      return failure._tag === "ProviderError" && failure.isRetryable
    }
    for (const status of [408, 500, 502, 503, 504, 529, undefined]) assert.isTrue(retryable(status), `${status}`)
    for (const status of [401, 402, 403, 404, 405]) assert.isFalse(retryable(status), `${status}`)
    assert.isFalse(retryable(429, { code: "insufficient_quota" }))
  })

  it("is read at once, whatever of the request it says back", () => {
    for (const said of ["превыш", "exceeds max", "exceeds model", "prompt is too "]) {
      assert.strictEqual(refused(400, { message: said.repeat(200_000) }).reason, "provider_rejected_request", said)
    }
    const echoed = `Превышен допустимый размер контекста модели: ${"слово ".repeat(10_000)}`
    assert.strictEqual(refused(400, { message: echoed }).reason, "context_length_exceeded")
  })

  it("tells the caller what the upstream said, masked, and the parameter", () => {
    const failure = refused(400, {
      message: "Unknown folder my-folder at 10.0.0.1",
      param: "messages",
      secrets: ["my-folder"]
    })
    assert.strictEqual(failure.message, "openai rejected the request: Unknown folder *** at ***")
    assert.isTrue(failure._tag === "ValidationError" && failure.param === "messages")
  })

  it("keeps what the upstream said about our credentials apart from the message", () => {
    const failure = refused(401, { message: "Incorrect API key provided: sk-12345678" })
    assert.strictEqual(failure.message, "openai rejected the gateway's credentials")
    assert.isTrue(failure._tag === "ProviderError" && failure.upstreamMessage === "Incorrect API key provided: ***")
  })

  it("carries the upstream's wish to wait, and a second where a rate limit names none", () => {
    const wait = (status: number, headers: NonNullable<Refused["headers"]>) => {
      const failure = refused(status, { headers })
      return failure._tag === "ValidationError" ? undefined : failure.retryAfterMillis
    }
    assert.strictEqual(wait(429, {}), 1000)
    assert.strictEqual(wait(429, { "retry-after": "7" }), 7000)
    assert.strictEqual(wait(503, { "retry-after": "7" }), 7000)
    assert.isUndefined(wait(503, {}))
  })
})
