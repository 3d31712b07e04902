import { Effect, Result, Struct } from "effect"
import type { ModelAlias } from "../config/Settings.ts"
import { type ChatRequest, ProviderWishes } from "../domain/ChatRequest.ts"
import { ValidationError } from "../domain/Errors.ts"
import type { Prepared } from "../providers/Provider.ts"
import type { Candidate } from "./Policy.ts"

/** A caller's wishes of the providers, as OpenRouter spells them: `provider: {order, only, ignore, …}`. Pure. */

/** The strategy that `sort` stands for. Throughput is not measured: who begins soon is taken for fast. */
export const strategyOf = ({ sort }: ProviderWishes): ModelAlias["strategy"] | undefined => {
  switch (sort) {
    case "price":
      return "cheapest"
    case "latency":
    case "throughput":
      return "fastest"
    default:
      return undefined
  }
}

/** Those candidates that the caller would take, in the caller's order where there is one and else in their own. */
export const chosen = <C extends Candidate>(
  candidates: ReadonlyArray<C>,
  wishes: ProviderWishes
): Result.Result<ReadonlyArray<C>, ValidationError> => {
  const unknown = Object.keys(wishes).find((name) => !(name in ProviderWishes.fields))
  if (unknown !== undefined) return Result.fail(unsupportedWish(unknown))
  const only = wishes.only ?? undefined
  const ignore = wishes.ignore ?? []
  const order = wishes.order ?? []
  const isWelcome = ({ provider: { name } }: C) => (only?.includes(name) ?? true) && !ignore.includes(name)
  const welcome = candidates.filter(isWelcome)
  const named = order.flatMap((name) => welcome.filter(({ provider }) => provider.name === name))
  const list = named.length === 0 ? welcome : [...new Set([...named, ...welcome])]
  const kept = wishes.allow_fallbacks === false ? list.slice(0, Math.max(1, named.length)) : list
  return kept.length === 0 && candidates.length > 0 ? Result.fail(nobodyWelcome) : Result.succeed(kept)
}

/** Refuses a candidate that would have to leave a parameter out (`require_parameters`). */
export const exactly =
  ({ model, provider }: Candidate) =>
  (prepared: Prepared): Effect.Effect<Prepared, ValidationError> => {
    const [lost] = prepared.dropped
    return lost === undefined
      ? Effect.succeed(prepared)
      : Effect.fail(
          new ValidationError({
            reason: "unsupported_parameter",
            message: `\`${lost}\` is not carried by ${provider.name}/${model}, and the request requires all of its parameters`,
            param: lost,
            provider: provider.name
          })
        )
  }

/** The request as it goes to a provider. */
export const withoutWishes = (request: ChatRequest): ChatRequest => Struct.omit(request, ["models", "provider"])

const unsupportedWish = (name: string) =>
  new ValidationError({
    reason: "unsupported_parameter",
    message: `\`provider.${name.slice(0, 64)}\` is not a wish that this gateway can fulfil`,
    param: `provider.${name.slice(0, 64)}`
  })

const nobodyWelcome = new ValidationError({
  reason: "invalid_body",
  message: "None of the providers that `provider` allows serves this model",
  param: "provider"
})
