import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { aiError } from "../../src/ai/Reasons.ts"
import {
  ProviderError,
  type ProviderFailure,
  providerReasons,
  RateLimitError,
  rateLimitReasons,
  ValidationError,
  validationReasons
} from "../../src/domain/Errors.ts"

const told = (failure: ProviderFailure) => aiError({ module: "XRouterLanguageModel", method: "generateText" }, failure)

const provider = (reason: ProviderError["reason"], more: Partial<ProviderError> = {}) =>
  new ProviderError({ reason, message: "It failed", provider: "p", ...more })

describe("a failure in Effect's words", () => {
  const kinds: ReadonlyArray<readonly [failure: ProviderFailure, tag: string, isRetryable: boolean]> = [
    [provider("provider_rejected_credentials", { upstreamStatus: 401 }), "AuthenticationError", false],
    [provider("provider_failed", { upstreamStatus: 503 }), "InternalProviderError", true],
    [provider("provider_failed", { upstreamStatus: 404 }), "UnknownError", false],
    [provider("provider_invalid_answer"), "InvalidResponseError", false],
    [provider("provider_tls"), "UnknownError", false],
    [provider("provider_unavailable"), "NetworkError", true],
    [provider("provider_timeout", { timer: "connect" }), "NetworkError", true],
    [provider("provider_timeout", { timer: "idle" }), "InternalProviderError", true],
    [provider("circuit_open", { retryAfterMillis: 500 }), "InternalProviderError", true]
  ]
  it.each(kinds)("keeps its kind, and whether it may pass: %s", (failure, tag, isRetryable) => {
    const error = told(failure)
    assert.strictEqual(error.reason._tag, tag)
    assert.strictEqual(error.isRetryable, isRetryable)
    assert.include(error.message, "It failed")
  })

  it("tells whose credentials were refused, and how", () => {
    const kindOf = (upstreamStatus?: number) => {
      const { reason } = told(
        provider("provider_rejected_credentials", upstreamStatus === undefined ? {} : { upstreamStatus })
      )
      return "kind" in reason ? reason.kind : undefined
    }
    assert.deepStrictEqual([401, 403, undefined].map(kindOf), ["InvalidKey", "InsufficientPermissions", "Unknown"])
  })

  it("tells what is known of it in its metadata", () => {
    const attempts = [{ provider: "p", model: "m", status: "failed", reason: "circuit_open", latency_ms: 3 }] as const
    const { reason } = told(
      provider("provider_failed", { upstreamStatus: 500, upstreamMessage: "Oops", retryAfterMillis: 7, attempts })
    )
    assert.deepInclude(reason, {
      metadata: {
        xrouter: {
          code: "provider_error",
          reason: "provider_failed",
          provider: "p",
          upstreamStatus: 500,
          upstreamMessage: "Oops",
          retryAfterMillis: 7,
          attempts: [{ ...attempts[0] }]
        }
      }
    })
  })

  it("keeps the failure of a connection as its cause", () => {
    const failure = provider("provider_unavailable")
    assert.propertyVal(told(failure).reason, "cause", failure)
  })

  it("is found for every reason that there is", () => {
    const all: ReadonlyArray<ProviderFailure> = [
      ...providerReasons.map((reason) => provider(reason)),
      ...rateLimitReasons.map((reason) => new RateLimitError({ reason, message: "No", retryAfterMillis: 2000 })),
      ...validationReasons.map((reason) => new ValidationError({ reason, message: "No", param: "model" }))
    ]
    for (const failure of all) {
      const error = told(failure)
      assert.strictEqual(error._tag, "AiError")
      if (failure._tag === "ValidationError") {
        assert.deepInclude(error.reason, { _tag: "InvalidRequestError", parameter: "model", description: "No" })
      }
      if (failure._tag === "RateLimitError" && failure.reason !== "budget") {
        assert.deepStrictEqual(error.retryAfter, Duration.seconds(2))
      }
    }
  })
})
