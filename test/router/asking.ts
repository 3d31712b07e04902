import { Effect, Pull, References, Result } from "effect"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import { ProviderError, RateLimitError, ValidationError } from "../../src/domain/Errors.ts"
import { Catalog } from "../../src/router/Catalog.ts"
import { type Reply, Router } from "../../src/router/Router.ts"
import { alias, layerRouting, type ScriptedProvider } from "../support/ScriptedProvider.ts"

export const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** `smart` is served by the first of these, and by the others where that fails. */
export const smart = (providers: ReadonlyArray<ScriptedProvider>) =>
  layerRouting(providers, { models: new Map([["smart", alias(providers.map(({ name }) => `${name}/m`))]]) })

export const asStreamAndWhole = [true, false] as const

/** A plan for a request that names this model. */
export const plan = Effect.fnUntraced(function* (model: string, stream = true) {
  const catalog = yield* Catalog
  const router = yield* Router
  return yield* router.plan({
    requestId: "req_1",
    request: { model, messages: [{ role: "user", content: "Hello" }], stream },
    resolution: Result.getOrThrow(catalog.resolve(model))
  })
})

export const open = (model: string, stream = true) => Effect.flatMap(plan(model, stream), ({ open }) => open)

/** All that comes after the first content. */
export const restOf = Effect.fnUntraced(function* ({ rest }: Reply) {
  const events: Array<ChatEvent> = []
  if (rest !== undefined) {
    yield* Pull.catchDone(Effect.forever(Effect.map(rest, (more) => void events.push(...more))), () => Effect.void)
  }
  return events
})

export const textOf = (events: ReadonlyArray<ChatEvent>): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")

export const failure = (reason: ProviderError["reason"], more: Partial<ProviderError> = {}) =>
  new ProviderError({ reason, message: `It failed: ${reason}`, provider: "p", ...more })

export const limited = new RateLimitError({
  reason: "provider_rate_limit",
  message: "Too many",
  retryAfterMillis: 2000,
  provider: "p"
})

export const refused = new ValidationError({ reason: "provider_rejected_request", message: "No", provider: "p" })
