import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ProviderError } from "../../src/domain/Errors.ts"
import type { Provider, ProviderModel } from "../../src/providers/Provider.ts"
import { Catalog } from "../../src/router/Catalog.ts"
import { alias, layerRouting, listed, scripted } from "../support/ScriptedProvider.ts"
import { quiet } from "./asking.ts"

const broken = new ProviderError({ reason: "provider_failed", message: "The list is not to be had", provider: "p" })

interface Listing {
  calls: number
  readonly models: Provider["models"]
}

/** A list of models that is asked for, and what comes of each asking; the last one goes on. */
const counted = (...answers: ReadonlyArray<Provider["models"]>): Listing => {
  const listing: Listing = {
    calls: 0,
    models: Effect.suspend(() => answers[Math.min(listing.calls++, answers.length - 1)] ?? Effect.never)
  }
  return listing
}

/** The catalogue over these providers, after its own first look at their lists. */
const over = <A, E>(
  providers: ReadonlyArray<Provider>,
  use: (catalog: Catalog["Service"]) => Effect.Effect<A, E>,
  settings: Parameters<typeof layerRouting>[1] = {}
) => Catalog.pipe(Effect.flatMap(use), Effect.provide(layerRouting(providers, settings)), quiet)

const idsOf = ({ list }: Catalog["Service"]) => Effect.map(list, (models) => models.map(({ id }) => id))

describe("the list of models", () => {
  it.effect("holds the aliases, then each provider's models under its name", () =>
    over(
      [
        scripted("a", { models: Effect.succeed(listed("one", "two/three")) }),
        scripted("b", { models: Effect.succeed(listed("one")) })
      ],
      (catalog) =>
        Effect.gen(function* () {
          const models = yield* catalog.list
          assert.deepStrictEqual(
            models.map(({ id, ownedBy }) => [id, ownedBy]),
            [
              ["smart", "xrouter"],
              ["a/one", "vendor"],
              ["a/two/three", "vendor"],
              ["b/one", "vendor"]
            ]
          )
          assert.strictEqual(models[1]?.created, 1_700_000_000)
        }),
      { models: new Map([["smart", alias(["a/one"])]]) }
    )
  )

  it.effect("is asked of a provider once, however many want it, and again after ten minutes", () => {
    const listing = counted(Effect.delay(Effect.succeed(listed("one")), "1 second"))
    return over([scripted("a", { models: listing.models })], (catalog) =>
      Effect.gen(function* () {
        const all = Effect.all(
          Array.from({ length: 20 }, () => catalog.list),
          { concurrency: "unbounded" }
        )
        const asked = yield* Effect.forkChild(all, { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.isTrue((yield* Fiber.join(asked)).every((models) => models.length === 1))
        assert.strictEqual(listing.calls, 1)
        yield* TestClock.adjust("9 minutes")
        yield* catalog.list
        assert.strictEqual(listing.calls, 1)
        yield* TestClock.adjust("1 minute")
        yield* all
        yield* all
        assert.strictEqual(listing.calls, 2)
      })
    )
  })

  it.effect("is asked for again after as long also where the time of day is set back meanwhile", () => {
    const listing = counted(Effect.succeed(listed("one")))
    return over([scripted("a", { models: listing.models })], (catalog) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 day")
        yield* catalog.list
        const calls = listing.calls
        yield* TestClock.setTime(0)
        yield* TestClock.adjust("9 minutes")
        yield* catalog.list
        assert.strictEqual(listing.calls, calls)
        yield* TestClock.adjust("1 minute")
        yield* catalog.list
        assert.strictEqual(listing.calls, calls + 1)
      })
    )
  })

  it.effect("is the last one while a new one is on its way: nobody waits for it", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<ReadonlyArray<ProviderModel>>()
      const listing = counted(Effect.succeed(listed("old")), Deferred.await(answer))
      yield* over([scripted("a", { models: listing.models })], (catalog) =>
        Effect.gen(function* () {
          yield* catalog.list
          yield* TestClock.adjust("11 minutes")
          assert.deepStrictEqual(yield* idsOf(catalog), ["a/old"])
          assert.deepStrictEqual(yield* idsOf(catalog), ["a/old"])
          assert.strictEqual(listing.calls, 2)
          yield* Deferred.succeed(answer, listed("new"))
          yield* Effect.yieldNow
          assert.deepStrictEqual(yield* idsOf(catalog), ["a/new"])
          assert.strictEqual(listing.calls, 2)
        })
      )
    })
  )

  it.effect("is not lost to those who still wait when the first who asked has left", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<ReadonlyArray<ProviderModel>>()
      const listing = counted(Effect.fail(broken), Deferred.await(answer))
      yield* over([scripted("a", { models: listing.models })], (catalog) =>
        Effect.gen(function* () {
          yield* catalog.list
          yield* TestClock.adjust("11 seconds")
          const first = yield* Effect.forkChild(idsOf(catalog), { startImmediately: true })
          const second = yield* Effect.forkChild(idsOf(catalog), { startImmediately: true })
          yield* Fiber.interrupt(first)
          yield* Deferred.succeed(answer, listed("new"))
          assert.deepStrictEqual(yield* Fiber.join(second), ["a/new"])
          assert.strictEqual(listing.calls, 2)
        })
      )
    })
  )

  it.effect("is what a provider listed last where it fails now, until it is back", () => {
    const listing = counted(Effect.succeed(listed("one")), Effect.fail(broken), Effect.succeed(listed("one", "two")))
    return over(
      [scripted("a", { models: listing.models }), scripted("b", { models: Effect.succeed(listed("x")) })],
      (catalog) =>
        Effect.gen(function* () {
          yield* catalog.list
          yield* TestClock.adjust("11 minutes")
          assert.deepStrictEqual(yield* idsOf(catalog), ["a/one", "b/x"])
          assert.deepStrictEqual(yield* idsOf(catalog), ["a/one", "b/x"])
          // A provider that fails is not asked by everybody.
          assert.strictEqual(listing.calls, 2)
          yield* TestClock.adjust("11 seconds")
          assert.deepStrictEqual(yield* idsOf(catalog), ["a/one", "a/two", "b/x"])
        })
    )
  })

  it.effect("is what its vendor documents as long as a provider has listed none", () => {
    const documented = [{ id: "known", ownedBy: "vendor", created: 0, contextLength: 8192 }]
    const listing = counted(Effect.fail(broken), Effect.succeed(listed("one")))
    return over([{ ...scripted("a", { models: listing.models }), documented }], (catalog) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* idsOf(catalog), ["a/known"])
        assert.deepInclude(yield* catalog.find("a/known"), { id: "a/known", contextLength: 8192 })
        assert.deepStrictEqual(yield* catalog.find("a/other"), { id: "a/other", ownedBy: "a", created: 0 })
        yield* TestClock.adjust("11 seconds")
        assert.deepStrictEqual(yield* idsOf(catalog), ["a/one"])
      })
    )
  })

  it.effect("waits five seconds for a provider that does not answer, and tells of the others then", () =>
    over(
      [scripted("mute", { models: Effect.never }), scripted("b", { models: Effect.succeed(listed("x")) })],
      (catalog) =>
        Effect.gen(function* () {
          const asked = yield* Effect.forkChild(idsOf(catalog), { startImmediately: true })
          yield* TestClock.adjust("4 seconds")
          assert.isUndefined(asked.pollUnsafe())
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* Fiber.join(asked), ["b/x"])
        })
    )
  )
})

describe("one model", () => {
  const subject = [
    scripted("a", { models: Effect.succeed(listed("one", "two/three")) }),
    scripted("gigachat", { models: Effect.succeed(listed("GigaChat-2", "GigaChat-2-Max")) }),
    scripted("yandexgpt", { models: Effect.succeed(listed("yandexgpt")) }),
    scripted("unlisted", { models: Effect.fail(broken) })
  ]

  it.effect("is found under every name that resolves to it, and keeps the name it was asked by", () =>
    over(
      subject,
      ({ find }) =>
        Effect.gen(function* () {
          for (const [name, ownedBy] of [
            ["a/one", "vendor"],
            ["a/two/three", "vendor"],
            ["gigachat", "vendor"],
            ["gigachat-max", "vendor"],
            ["yandexgpt:rc", "vendor"],
            ["yandexgpt/yandexgpt", "vendor"],
            ["smart", "xrouter"]
          ] as const) {
            assert.deepInclude(yield* find(name), { id: name, ownedBy })
          }
        }),
      { models: new Map([["smart", alias(["a/one"])]]) }
    )
  )

  it.effect("is unknown where its provider does not list it", () =>
    over(subject, ({ find }) =>
      Effect.gen(function* () {
        for (const name of ["a/none", "gigachat-ultra", "nobody/one", "none"]) {
          assert.strictEqual((yield* Effect.flip(find(name))).reason, "model_not_found", name)
        }
      })
    )
  )

  it.effect("is taken at its word where its provider has never listed any", () =>
    over(subject, ({ find }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* find("unlisted/anything"), {
          id: "unlisted/anything",
          ownedBy: "unlisted",
          created: 0
        })
      })
    )
  )
})

describe("a metric's label", () => {
  it.effect("is a model that its provider lists, else `other`", () =>
    over([scripted("a", { models: Effect.succeed(listed("one")) })], (catalog) =>
      Effect.gen(function* () {
        yield* catalog.list
        catalog.answered("a", "made-up")
        assert.strictEqual(catalog.label("a", "one"), "a/one")
        assert.strictEqual(catalog.label("a", "made-up"), "other")
        assert.strictEqual(catalog.label("b", "one"), "other")
      })
    )
  )

  it.effect("is known before anybody has asked for the list", () =>
    over([scripted("a", { models: Effect.succeed(listed("one")) })], (catalog) =>
      Effect.gen(function* () {
        yield* Effect.yieldNow
        assert.strictEqual(catalog.label("a", "one"), "a/one")
      })
    )
  )

  it.effect("is, of a provider that lists none, a model that has answered: fifty of them and no more", () =>
    over([scripted("a", { models: Effect.fail(broken) })], (catalog) =>
      Effect.gen(function* () {
        yield* catalog.list
        const names = Array.from({ length: 60 }, (_, index) => `model-${index}`)
        for (const _ of [1, 2]) for (const name of names) catalog.answered("a", name)
        const labelled = names.filter((name) => catalog.label("a", name) === `a/${name}`)
        assert.deepStrictEqual(labelled, names.slice(0, 50))
      })
    )
  )
})
