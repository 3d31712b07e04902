import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpClientRequest } from "effect/http"
import { HttpApi, HttpApiClient, HttpApiMiddleware } from "effect/http-api"
import {
  AuthError,
  InternalError,
  ProviderError,
  RateLimitError,
  ValidationError,
  type XRouterError
} from "../../src/domain/Errors.ts"
import { AdminApi } from "../../src/gateway/AdminApi.ts"
import { AdminAuthorization } from "../../src/gateway/AdminAuthorization.ts"
import { Authorization } from "../../src/gateway/Authorization.ts"
import { toWire } from "../../src/gateway/ErrorResponse.ts"
import { authErrors, inferenceErrors, requestErrors } from "../../src/gateway/ErrorSchemas.ts"
import { HealthApi } from "../../src/gateway/HealthApi.ts"
import { ModelsApi } from "../../src/gateway/ModelsApi.ts"
import { startGateway, type TestGateway } from "../support/Gateway.ts"

class TypedRoutes extends HttpApi.make("xrouter").add(ModelsApi).add(AdminApi).add(HealthApi) {}

/** A client that knows the gateway by its declaration alone. */
const clientOf = (gateway: TestGateway, key: string, adminKey = gateway.adminKey) =>
  HttpApiClient.make(TypedRoutes, { baseUrl: gateway.url }).pipe(
    Effect.provide([
      FetchHttpClient.layer,
      HttpApiMiddleware.layerClient(Authorization, ({ next, request }) =>
        next(HttpClientRequest.bearerToken(request, key))
      ),
      HttpApiMiddleware.layerClient(AdminAuthorization, ({ next, request }) =>
        next(HttpClientRequest.bearerToken(request, adminKey))
      )
    ])
  )

class Subject extends Context.Service<Subject, TestGateway>()("Subject") {
  static readonly layer = Layer.effect(Subject, startGateway())
}

layer(Subject.layer, { excludeTestServices: true })("the typed client", (it) => {
  it.effect("gets what the gateway has, decoded", () =>
    Effect.gen(function* () {
      const gateway = yield* Subject
      const { admin, health, models } = yield* clientOf(gateway, yield* gateway.makeKey())
      const { data } = yield* models.listModels({ query: { provider: "sandbox" } })
      assert.deepStrictEqual(
        data.map(({ id }) => id),
        ["sandbox/echo", "sandbox/story", "sandbox/tools", "sandbox/embed"]
      )
      assert.strictEqual((yield* models.retrieveModel({ params: { id: "sandbox/echo" } })).owned_by, "xrouter")
      assert.strictEqual((yield* health.ready()).status, "up")
      const user = yield* admin.createUser({ payload: { email: "typed@example.org" } })
      const expires_at = Date.parse("2040-01-31T09:00:00Z")
      const created = yield* admin.createKey({ payload: { user_id: user.id, name: "typed", expires_at } })
      assert.match(Redacted.value(created.key), /^xr-/)
      assert.strictEqual(created.expires_at, expires_at)
      assert.isUndefined(yield* admin.revokeKey({ params: { id: created.id } }))
    })
  )

  it.effect("gets back the error that was raised", () =>
    Effect.gen(function* () {
      const gateway = yield* Subject
      const bound = yield* clientOf(gateway, yield* gateway.makeKey({ models: ["sandbox/echo"] }))
      const stranger = yield* clientOf(gateway, "xr-wrong", "not-the-admin-key")
      const refusals: ReadonlyArray<readonly [Effect.Effect<unknown, unknown>, Partial<XRouterError>]> = [
        [stranger.models.listModels({ query: {} }), { _tag: "AuthError", reason: "invalid_api_key" }],
        [stranger.admin.listUsers({ query: {} }), { _tag: "AuthError", reason: "invalid_api_key" }],
        [
          bound.models.retrieveModel({ params: { id: "sandbox/story" } }),
          { _tag: "AuthError", reason: "model_not_allowed" }
        ],
        [
          bound.models.retrieveModel({ params: { id: "sandbox/none" } }),
          {
            _tag: "ValidationError",
            reason: "model_not_found",
            message: "The model `sandbox/none` does not exist or you do not have access to it."
          }
        ],
        [
          bound.admin.createUser({ payload: { email: "nobody" } }),
          { _tag: "ValidationError", reason: "invalid_body", param: "email" }
        ],
        [bound.admin.getKey({ params: { id: "key_none" } }), { _tag: "ValidationError", reason: "not_found" }]
      ]
      for (const [asked, expected] of refusals) {
        const error = yield* Effect.flip(asked)
        assert.isTrue(error instanceof AuthError || error instanceof ValidationError)
        assert.deepInclude(error, expected)
      }
    })
  )
})

describe("an error that comes back from the wire", () => {
  const schemas = Schema.Union([...requestErrors, ...authErrors, ...inferenceErrors])
  const options = { requestId: "req_1", resourceMetadata: "http://gateway" }
  const message = "What happened"
  const errors: ReadonlyArray<XRouterError> = [
    new AuthError({ reason: "key_revoked", message }),
    new AuthError({ reason: "insufficient_scope", message, scope: "inference" }),
    new ValidationError({ reason: "invalid_body", message, param: "messages[0]" }),
    new ValidationError({ reason: "provider_rejected_request", message, provider: "gigachat" }),
    new ValidationError({ reason: "request_timeout", message }),
    new RateLimitError({ reason: "requests_per_day", message, limit: 200, remaining: 0, retryAfterMillis: 7_000_000 }),
    new RateLimitError({ reason: "provider_rate_limit", message, retryAfterMillis: 2000, provider: "gigachat" }),
    new ProviderError({ reason: "circuit_open", message, provider: "gigachat", retryAfterMillis: 9000 }),
    new ProviderError({
      reason: "provider_timeout",
      message,
      provider: "yandexgpt",
      timer: "idle",
      upstreamStatus: 200,
      upstreamMessage: "busy",
      attempts: [
        { provider: "yandexgpt", model: "yandexgpt", status: "failed", reason: "provider_timeout", latency_ms: 12 }
      ]
    }),
    new InternalError({ reason: "draining", message, retryAfterMillis: 1000 }),
    new InternalError({ reason: "unexpected", message })
  ]

  for (const error of errors) {
    it.effect(`is the same: ${error.reason}`, () =>
      Effect.gen(function* () {
        const body: unknown = JSON.parse(JSON.stringify(toWire(error, options).body))
        const back = yield* Schema.decodeUnknownEffect(schemas)(body)
        assert.strictEqual(back.constructor, error.constructor)
        assert.deepStrictEqual({ ...back, stack: undefined }, { ...error, stack: undefined })
      })
    )
  }

  it.effect("leaves its cause behind", () =>
    Effect.gen(function* () {
      const body = toWire(InternalError.databaseUnavailable(new Error("10.0.0.5")), options).body
      const back = yield* Schema.decodeUnknownEffect(schemas)(body)
      assert.instanceOf(back, InternalError)
      assert.notInclude(JSON.stringify(back), "10.0.0.5")
    })
  )
})
