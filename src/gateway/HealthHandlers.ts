import { Effect, Redacted } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { createHash, timingSafeEqual } from "node:crypto"
import { Settings } from "../config/Settings.ts"
import { AuthError } from "../domain/Errors.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { Api } from "./Api.ts"
import { Health } from "./Health.ts"

export const HealthHandlers = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fn(function* (handlers) {
    const health = yield* Health
    const metrics = yield* Metrics
    const { metricsToken } = yield* Settings
    const expected = metricsToken === undefined ? undefined : digest(Redacted.value(metricsToken))

    return handlers.handleAll({
      live: () => Effect.succeed({ status: "up" as const }),
      ready: () => Effect.map(health.ready, (status) => ({ status })),
      health: () =>
        Effect.map(health.report, (report) =>
          HttpServerResponse.jsonUnsafe(report, { status: report.status === "down" ? 503 : 200 })
        ),
      providers: () =>
        Effect.map(health.report, ({ components }) =>
          Object.fromEntries(Object.entries(components.providers).map(([name, status]) => [name, { status }]))
        ),
      metrics: Effect.fn(function* () {
        if (expected !== undefined) {
          const { headers } = yield* HttpServerRequest.HttpServerRequest
          const given = headers["authorization"]
          const token = /^bearer +(\S+)$/i.exec(given ?? "")?.[1]
          if (token === undefined || !timingSafeEqual(digest(token), expected)) return yield* notForYou(given)
        }
        // So that what it tells of the database is of now.
        yield* health.report
        return yield* metrics.render
      })
    })
  })
)

const digest = (text: string) => createHash("sha256").update(text).digest()

const notForYou = (given: string | undefined) =>
  new AuthError({
    reason: given === undefined ? "missing_credentials" : "invalid_token",
    message: "The metrics are behind a token of their own (XROUTER_METRICS_TOKEN)"
  })
