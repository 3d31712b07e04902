import { assert, describe, it } from "@effect/vitest"
import {
  authReasons,
  internalReasons,
  InternalError,
  ProviderError,
  providerReasons,
  rateLimitReasons,
  validationReasons
} from "../../src/domain/Errors.ts"

const providerError = (reason: ProviderError["reason"], upstreamStatus?: number) =>
  new ProviderError({
    reason,
    message: "The provider failed",
    provider: "gigachat",
    ...(upstreamStatus === undefined ? {} : { upstreamStatus })
  })

describe("ProviderError", () => {
  it("is worth another try where another time or place may help", () => {
    for (const reason of [
      "provider_unavailable",
      "provider_timeout",
      "provider_invalid_answer",
      "circuit_open"
    ] as const) {
      assert.isTrue(providerError(reason).isRetryable, reason)
    }
    for (const status of [408, 500, 502, 503, 529]) {
      assert.isTrue(providerError("provider_failed", status).isRetryable, String(status))
    }
    assert.isTrue(providerError("provider_failed").isRetryable)
  })

  it("is not, where our own set-up is refused", () => {
    assert.isFalse(providerError("provider_rejected_credentials", 401).isRetryable)
    assert.isFalse(providerError("provider_tls").isRetryable)
    for (const status of [402, 404, 409]) {
      assert.isFalse(providerError("provider_failed", status).isRetryable, String(status))
    }
  })
})

describe("the reasons", () => {
  it("belong to one error each, so that a reason alone tells its code", () => {
    const all = [authReasons, validationReasons, rateLimitReasons, providerReasons, internalReasons].flat()
    assert.strictEqual(new Set(all).size, all.length)
  })

  it("are closed: an error cannot be made with another", () => {
    const reason: string = "because"
    assert.throws(() => new InternalError({ reason: reason as InternalError["reason"], message: "" }))
  })
})

describe("InternalError.databaseUnavailable", () => {
  it("says nothing of its cause in its public text, and when to come back", () => {
    const error = InternalError.databaseUnavailable(new Error("connect ECONNREFUSED 10.0.0.5:5432"))
    assert.notInclude(error.message, "10.0.0.5")
    assert.strictEqual(error.reason, "database_unavailable")
    assert.isAtLeast(error.retryAfterMillis ?? 0, 1)
  })
})
