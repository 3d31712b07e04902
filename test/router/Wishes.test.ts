import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema, Stream } from "effect"
import { type ChatRequest, ProviderWishes } from "../../src/domain/ChatRequest.ts"
import type { ModelAlias, Price } from "../../src/config/Settings.ts"
import { Catalog } from "../../src/router/Catalog.ts"
import { Router } from "../../src/router/Router.ts"
import { defaultPatience } from "../../src/router/Timeouts.ts"
import { chosen } from "../../src/router/Wishes.ts"
import { alias, layerRouting, type ScriptedProvider, scripted } from "../support/ScriptedProvider.ts"
import { failure, quiet } from "./asking.ts"

const names = ["a", "b", "c", "d"] as const
const candidates = names.map((name) => ({ provider: scripted(name), model: "m", patience: defaultPatience }))
const Some = Schema.optionalKey(Schema.Array(Schema.Literals([...names, "nobody"])))
const Wishes = Schema.Struct({
  order: Some,
  only: Some,
  ignore: Some,
  allow_fallbacks: Schema.optionalKey(Schema.Boolean)
})

describe("the candidates that a caller would take", () => {
  it.prop("are some of those there are, each once, whatever is wished", { wishes: Wishes }, ({ wishes }) => {
    const result = chosen(candidates, wishes)
    const kept = Result.getOrElse(result, () => [])
    assert.strictEqual(new Set(kept).size, kept.length)
    for (const candidate of kept) {
      const { name } = candidate.provider
      assert.include(candidates, candidate)
      assert.isFalse(wishes.ignore?.some((ignored) => ignored === name) === true)
      assert.isTrue(wishes.only?.some((only) => only === name) !== false)
    }
    // Those of the order come first and in it.
    const ranks = kept.map(({ provider }) => wishes.order?.findIndex((name) => name === provider.name) ?? -1)
    const named = ranks.filter((rank) => rank >= 0)
    assert.deepStrictEqual(ranks.slice(0, named.length), named)
    assert.deepStrictEqual(
      named,
      [...named].sort((x, y) => x - y)
    )
    // Nobody is left out who was not refused, save by the wish for nobody else.
    const welcome = candidates.filter(
      ({ provider: { name } }) =>
        wishes.ignore?.some((ignored) => ignored === name) !== true &&
        wishes.only?.some((only) => only === name) !== false
    )
    if (wishes.allow_fallbacks !== false) assert.strictEqual(kept.length, welcome.length)
    assert.strictEqual(Result.isFailure(result), welcome.length === 0)
  })

  it("are one alone, or those of the order, where no fallbacks are allowed", () => {
    const kept = (wishes: ProviderWishes) =>
      Result.getOrThrow(chosen(candidates, wishes)).map(({ provider }) => provider.name)
    assert.deepStrictEqual(kept({ allow_fallbacks: false }), ["a"])
    assert.deepStrictEqual(kept({ allow_fallbacks: false, order: ["c", "b"] }), ["c", "b"])
    assert.deepStrictEqual(kept({ allow_fallbacks: false, order: ["nobody"] }), ["a"])
    assert.deepStrictEqual(kept({ order: ["c"] }), ["c", "a", "b", "d"])
  })

  it("cannot be wished for in words that mean nothing here", () => {
    const strange = { order: ["a"], data_collection: "deny" }
    const failed = Result.getOrThrow(Result.flip(chosen(candidates, strange)))
    assert.deepInclude(failed, { reason: "unsupported_parameter", param: "provider.data_collection" })
  })
})

const price = (input: string, currency = "RUB"): Price => ({
  input,
  output: input,
  cachedInput: undefined,
  currency,
  per: 1000
})

const asked = Effect.fnUntraced(function* (request: Partial<ChatRequest>) {
  const catalog = yield* Catalog
  const { plan } = yield* Router
  const { model = "smart", models = [] } = request
  return yield* Effect.flatMap(Effect.fromResult(catalog.resolveAll(model, models)), (resolution) =>
    plan({
      requestId: "req_1",
      request: { model, messages: [{ role: "user", content: "Hello" }], ...request },
      resolution
    })
  )
})

const served = (request: Partial<ChatRequest>) =>
  Effect.scoped(
    Effect.map(
      Effect.flatMap(asked(request), ({ open }) => open),
      ({ candidate }) => `${candidate.provider.name}/${candidate.model}`
    )
  )

const routing = (providers: ReadonlyArray<ScriptedProvider>, models: Readonly<Record<string, ModelAlias>>) =>
  layerRouting(providers, { models: new Map(Object.entries(models)) })

const broken = (name: string) => scripted(name, { answer: Stream.fail(failure("provider_tls")) })

describe("a request", () => {
  it.effect("that names several models is served by the first that can, in its order", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* served({ model: "a/m", models: ["b/m", "c/m", "d/m"] }), "c/m")
      assert.strictEqual(yield* served({ model: "a/m", models: ["a/m", "smart"] }), "d/m")
      const unknown = yield* Effect.flip(asked({ model: "a/m", models: ["b/m", "unknown"] }))
      assert.strictEqual(unknown.reason, "model_not_found")
    }).pipe(
      Effect.provide(routing([broken("a"), broken("b"), scripted("c"), scripted("d")], { smart: alias(["d/m"]) })),
      quiet
    )
  )

  it.effect("is sent without its wishes", () => {
    const a = scripted("a")
    return Effect.gen(function* () {
      yield* served({ model: "a/m", models: ["a/n"], provider: { sort: "price" }, temperature: 0.5 })
      assert.deepStrictEqual(a.sent[0]?.request, {
        model: "a/m",
        messages: [{ role: "user", content: "Hello" }],
        temperature: 0.5
      })
    }).pipe(Effect.provide(routing([a], {})))
  })

  it.effect("may choose among the candidates of its model", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* served({}), "a/m")
      assert.strictEqual(yield* served({ provider: { order: ["c"] } }), "c/m")
      assert.strictEqual(yield* served({ provider: { only: ["b"] } }), "b/m")
      assert.strictEqual(yield* served({ provider: { ignore: ["a", "b"] } }), "c/m")
      const nobody = yield* Effect.flip(asked({ provider: { only: ["d"] } }))
      assert.deepInclude(nobody, { reason: "invalid_body", param: "provider" })
    }).pipe(
      Effect.provide(routing([scripted("a"), scripted("b"), scripted("c")], { smart: alias(["a/m", "b/m", "c/m"]) }))
    )
  )

  it.effect("that allows no fallbacks fails with the one that it is left with", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(served({ provider: { allow_fallbacks: false } }))
      assert.deepInclude(error, { reason: "provider_tls" })
    }).pipe(Effect.provide(routing([broken("a"), scripted("b")], { smart: alias(["a/m", "b/m"]) })), quiet)
  )

  it.effect("that requires its parameters is served by who carries all of them", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* served({}), "a/m")
      assert.strictEqual(yield* served({ provider: { require_parameters: true } }), "b/m")
      const error = yield* Effect.flip(asked({ model: "a/m", provider: { require_parameters: true } }))
      assert.deepInclude(error, { reason: "unsupported_parameter", param: "seed" })
    }).pipe(
      Effect.provide(routing([scripted("a", { dropped: ["seed"] }), scripted("b")], { smart: alias(["a/m", "b/m"]) }))
    )
  )

  it.effect("that sorts by price is served by the cheapest, by its own price or that of an alias for it alone", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* served({ provider: { sort: "price" } }), "c/m")
      assert.strictEqual(yield* served({ model: "cheap" }), "c/m")
      assert.strictEqual(yield* served({ provider: { sort: "price", ignore: ["c"] } }), "b/m")
    }).pipe(
      Effect.provide(
        routing([scripted("a"), scripted("b"), scripted("c"), scripted("d")], {
          smart: alias(["d/m", "a/m", "b/m", "c/m"], { strategy: "ordered" }),
          cheap: alias([], {
            strategy: "cheapest",
            candidates: [
              { model: "a/m", weight: 1, price: price("0.30") },
              { model: "b/m", weight: 1, price: price("0.20") },
              { model: "c/m", weight: 1 },
              // What is priced in another currency cannot be compared.
              { model: "d/m", weight: 1, price: price("0.01", "USD") }
            ]
          }),
          c: alias(["c/m"], { price: price("0.10") })
        })
      )
    )
  )
})
