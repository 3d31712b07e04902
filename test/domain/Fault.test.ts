import { assert, describe, it } from "@effect/vitest"
import {
  authReasons,
  AuthError,
  InternalError,
  ProviderError,
  RateLimitError,
  ValidationError
} from "../../src/domain/Errors.ts"
import { faultOf } from "../../src/domain/Fault.ts"

const message = "of the test"

describe("faultOf", () => {
  it("tells a wrong credential, the caller's, from one that may not do this", () => {
    const refused = authReasons.filter((reason) => faultOf(new AuthError({ reason, message })) === "policy")
    assert.deepStrictEqual(refused, ["insufficient_scope", "model_not_allowed", "ip_not_allowed"])
    assert.strictEqual(faultOf(new AuthError({ reason: "invalid_api_key", message })), "caller")
  })

  it("tells our limits from a provider's", () => {
    const limited = (reason: "budget" | "provider_rate_limit") =>
      faultOf(new RateLimitError({ reason, message, retryAfterMillis: 1 }))
    assert.strictEqual(limited("budget"), "policy")
    assert.strictEqual(limited("provider_rate_limit"), "provider")
  })

  it("gives the rest to whom the code names", () => {
    assert.strictEqual(faultOf(new ValidationError({ reason: "invalid_body", message })), "caller")
    assert.strictEqual(
      faultOf(new ProviderError({ reason: "provider_timeout", message, provider: "openai" })),
      "provider"
    )
    assert.strictEqual(faultOf(new InternalError({ reason: "draining", message })), "us")
  })
})
