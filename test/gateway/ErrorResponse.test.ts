import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  AuthError,
  authReasons,
  InternalError,
  internalReasons,
  ProviderError,
  providerReasons,
  RateLimitError,
  rateLimitReasons,
  ValidationError,
  validationReasons,
  type XRouterError
} from "../../src/domain/Errors.ts"
import { errorFrame, toWire } from "../../src/gateway/ErrorResponse.ts"

const options = {
  requestId: "req_1",
  resourceMetadata: "https://gateway.example/.well-known/oauth-protected-resource/v1"
}
const wire = (error: XRouterError) => toWire(error, options)
const message = "What happened"

const auth = (reason: AuthError["reason"]) => new AuthError({ reason, message })
const validation = (reason: ValidationError["reason"]) => new ValidationError({ reason, message })
const rateLimit = (reason: RateLimitError["reason"], retryAfterMillis = 7000) =>
  new RateLimitError({ reason, message, retryAfterMillis })
const provider = (reason: ProviderError["reason"]) => new ProviderError({ reason, message, provider: "gigachat" })
const internal = (reason: InternalError["reason"]) => new InternalError({ reason, message, cause: "secret cause" })

/** The contract's table, and what OpenAI's API puts into `type` for the case. */
const authStatus = {
  missing_credentials: 401,
  invalid_api_key: 401,
  key_expired: 401,
  key_revoked: 401,
  invalid_token: 401,
  token_expired: 401,
  token_revoked: 401,
  insufficient_scope: 403,
  model_not_allowed: 403,
  ip_not_allowed: 403
} as const satisfies Record<AuthError["reason"], number>

const validationStatus = {
  invalid_request: 400,
  invalid_json: 400,
  invalid_body: 400,
  unsupported_parameter: 400,
  context_length_exceeded: 400,
  provider_rejected_request: 400,
  already_exists: 400,
  model_not_found: 404,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  body_too_large: 413,
  unsupported_media_type: 415,
  headers_too_large: 431
} as const satisfies Record<ValidationError["reason"], number>

const providerStatus = {
  provider_rejected_credentials: 502,
  provider_failed: 502,
  provider_invalid_answer: 502,
  provider_tls: 502,
  provider_unavailable: 503,
  circuit_open: 503,
  provider_timeout: 504
} as const satisfies Record<ProviderError["reason"], number>

const internalStatus = {
  unexpected: 500,
  database_unavailable: 503,
  limiter_unavailable: 503,
  draining: 503
} as const satisfies Record<InternalError["reason"], number>

const table: ReadonlyArray<readonly [error: XRouterError, status: number, type: string]> = [
  ...authReasons.map((reason) => [auth(reason), authStatus[reason], "invalid_request_error"] as const),
  ...validationReasons.map(
    (reason) => [validation(reason), validationStatus[reason], "invalid_request_error"] as const
  ),
  ...rateLimitReasons.map(
    (reason) => [rateLimit(reason), 429, reason === "budget" ? "insufficient_quota" : "rate_limit_exceeded"] as const
  ),
  ...providerReasons.map((reason) => [provider(reason), providerStatus[reason], "server_error"] as const),
  ...internalReasons.map((reason) => [internal(reason), internalStatus[reason], "server_error"] as const)
]

describe("an error on the wire", () => {
  for (const [error, status, type] of table) {
    it(`${error.code} ${error.reason} is ${status} ${type}`, () => {
      const { body, headers, status: told } = wire(error)
      assert.strictEqual(told, status)
      assert.deepStrictEqual(Object.keys(body), ["error"])
      assert.deepStrictEqual(Object.keys(body.error), ["code", "type", "message", "param", "details"])
      assert.deepInclude(body.error, { code: error.code, type, message, param: null })
      assert.deepInclude(body.error["details"], { reason: error.reason, request_id: "req_1" })
      assert.strictEqual("www-authenticate" in headers, status === 401 || error.reason === "insufficient_scope")
      assert.strictEqual("retry-after" in headers, status === 429 || status === 503)
      assert.strictEqual("retry-after-ms" in headers, status === 429 || status === 503)
      assert.notInclude(JSON.stringify({ body, headers }), "secret cause")
    })
  }

  it("tells its details, and no field that there is nothing to say in", () => {
    const detailsOf = (error: XRouterError) => wire(error).body.error["details"]
    assert.deepStrictEqual(detailsOf(auth("key_expired")), { reason: "key_expired", request_id: "req_1" })
    assert.deepStrictEqual(
      detailsOf(
        new RateLimitError({
          reason: "requests_per_minute",
          message,
          limit: 20,
          remaining: 0,
          retryAfterMillis: 6001
        })
      ),
      { reason: "requests_per_minute", limit: 20, remaining: 0, retry_after: 7, request_id: "req_1" }
    )
    const attempt = {
      provider: "gigachat",
      model: "GigaChat-2",
      status: "failed",
      reason: "provider_timeout",
      latency_ms: 5
    } as const
    assert.deepStrictEqual(
      detailsOf(
        new ProviderError({
          reason: "provider_timeout",
          message,
          provider: "gigachat",
          upstreamStatus: 503,
          upstreamMessage: "busy",
          timer: "first_token",
          attempts: [attempt],
          cause: new Error("secret cause")
        })
      ),
      {
        reason: "provider_timeout",
        provider: "gigachat",
        upstream_status: 503,
        upstream_message: "busy",
        timer: "first_token",
        attempts: [attempt],
        request_id: "req_1"
      }
    )
  })

  it("names the field that is wrong", () => {
    const error = new ValidationError({ reason: "invalid_body", message, param: "messages[0].content" })
    assert.strictEqual(wire(error).body.error["param"], "messages[0].content")
  })
})

describe("the headers of an error", () => {
  const retry = (millis: number) => {
    const { headers } = wire(rateLimit("requests_per_minute", millis))
    return [headers["retry-after"], headers["retry-after-ms"], headers["x-should-retry"]]
  }

  it("tell the wait in whole seconds, rounded up and never 0", () => {
    assert.deepStrictEqual(retry(7000), ["7", "7000", undefined])
    assert.deepStrictEqual(retry(7000.4), ["8", "7001", undefined])
    assert.deepStrictEqual(retry(1), ["1", "1", undefined])
    for (const millis of [0, -5000, 0.2]) assert.deepStrictEqual(retry(millis), ["1", "1", undefined])
  })

  it("ask a client not to retry by itself where the wait is over 60 s", () => {
    assert.deepStrictEqual(retry(60_000), ["60", "60000", undefined])
    assert.deepStrictEqual(retry(60_001), ["61", "60001", "false"])
    assert.strictEqual(wire(rateLimit("requests_per_day", 5e7)).headers["x-should-retry"], "false")
  })

  it.prop(
    "never let a client come too early",
    { millis: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1e8 })) },
    ({ millis }) => {
      const [seconds, wait] = retry(millis)
      assert.isAtLeast(Number(seconds) * 1000, millis)
      assert.isAtLeast(Number(wait), millis)
    }
  )

  it("pass on the wait that a provider which is away has wished for, else a second", () => {
    const away = new ProviderError({
      reason: "provider_unavailable",
      message,
      provider: "p",
      retryAfterMillis: 90_000
    })
    assert.deepInclude(wire(away).headers, { "retry-after": "90", "x-should-retry": "false" })
    assert.strictEqual(wire(provider("circuit_open")).headers["retry-after"], "1")
    assert.strictEqual(wire(internal("draining")).headers["retry-after"], "1")
  })

  const challenge = (error: AuthError) => wire(error).headers["www-authenticate"]
  const metadata = `resource_metadata="${options.resourceMetadata}"`

  it("challenge a stranger without naming an error, and whoever failed with one (RFC 6750, section 3)", () => {
    assert.strictEqual(challenge(auth("missing_credentials")), `Bearer realm="xrouter", ${metadata}`)
    for (const reason of ["invalid_api_key", "key_expired", "key_revoked", "invalid_token", "token_revoked"] as const) {
      assert.strictEqual(
        challenge(auth(reason)),
        `Bearer realm="xrouter", error="invalid_token", error_description="${message}", ${metadata}`
      )
    }
  })

  it("challenge whoever's credentials cannot be read, and nobody else who is refused with 400", () => {
    const told = (error: ValidationError) => wire(error).headers["www-authenticate"]
    assert.strictEqual(
      told(new ValidationError({ reason: "invalid_request", message, param: "authorization" })),
      `Bearer realm="xrouter", error="invalid_request", error_description="${message}", ${metadata}`
    )
    assert.isUndefined(told(new ValidationError({ reason: "invalid_request", message, param: "model" })))
    assert.isUndefined(told(validation("invalid_request")))
  })

  it("name the scope that is wanting", () => {
    const error = new AuthError({ reason: "insufficient_scope", message, scope: "keys" })
    assert.strictEqual(
      challenge(error),
      `Bearer realm="xrouter", error="insufficient_scope", scope="keys", ${metadata}`
    )
  })

  it("keep a message from breaking out of its quotes", () => {
    const error = new AuthError({ reason: "invalid_api_key", message: 'No "key" here' })
    assert.include(challenge(error), `error_description="No 'key' here"`)
  })

  it("tell the methods that a path has", () => {
    const error = new ValidationError({ reason: "method_not_allowed", message, allow: ["GET", "HEAD", "OPTIONS"] })
    assert.strictEqual(wire(error).headers["allow"], "GET, HEAD, OPTIONS")
  })

  it("close the connection where a body was not read to its end", () => {
    for (const reason of ["body_too_large", "request_timeout"] as const) {
      assert.strictEqual(wire(validation(reason)).headers["connection"], "close")
    }
    assert.isUndefined(wire(validation("invalid_json")).headers["connection"])
  })
})

describe("an error in a stream", () => {
  it("is the same envelope as one frame", () => {
    const error = provider("provider_failed")
    const frame = errorFrame(error, options)
    assert.match(frame, /^data: [^\n]+\n\n$/)
    assert.deepStrictEqual(JSON.parse(frame.slice("data: ".length)), wire(error).body)
  })
})
