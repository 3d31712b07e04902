import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import type { Price } from "../../src/config/Settings.ts"
import { formatMicros, parseDecimal, toMicros } from "../../src/ledger/Money.ts"
import { makeTariff, Pricing } from "../../src/ledger/Pricing.ts"
import { layerTestSettings } from "../support/TestSettings.ts"
import { models } from "./calls.ts"

const price = (more: Partial<Price> = {}): Price => ({
  input: "0.20",
  output: "0.60",
  cachedInput: "0.05",
  currency: "RUB",
  per: 1000,
  ...more
})

const cost = (of: Price, prompt: number, completion: number, cached = 0) =>
  makeTariff("smart", of).costOf({ prompt, completion, cached, reasoning: 0 }).micros

const Decimal = Schema.String.check(Schema.isPattern(/^\d{1,12}(\.\d{1,12})?$/))
const Tokens = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))
const Few = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
const Per = Schema.Literals([1, 7, 1000, 1_000_000, Number.MAX_SAFE_INTEGER])
const Whole = Schema.String.check(Schema.isPattern(/^\d{1,40}$/))

/** `micros` is at most half a millionth off, and not below where it is in the middle. */
const assertNearest = (micros: bigint, total: bigint, per: number) => {
  const unit = BigInt(per) * 1_000_000n
  const off = micros * unit - total
  assert.isTrue(2n * off <= unit && 2n * off > -unit)
}

describe("money", () => {
  it.prop("is read from decimal text without loss", [Decimal], ([text]) => {
    const [whole = "", fraction = ""] = text.split(".")
    assert.strictEqual(parseDecimal(text), BigInt(`${whole}${fraction.padEnd(12, "0")}`))
  })

  it.prop("is written so that it is read as the same, and as short as can be", [Whole], ([digits]) => {
    const micros = BigInt(digits)
    const text = formatMicros(micros)
    assert.match(text, /^(0|[1-9]\d*)(\.\d*[1-9])?$/)
    assert.strictEqual(parseDecimal(text), micros * 1_000_000n)
  })

  it("is written without zeros that tell nothing", () => {
    assert.deepStrictEqual([0n, 1n, 200n, 1_000_000n, 12_340_000n].map(formatMicros), [
      "0",
      "0.000001",
      "0.0002",
      "1",
      "12.34"
    ])
  })

  it.prop("is rounded to the nearest millionth, halves up", [Whole, Per], ([digits, per]) => {
    assertNearest(toMicros(BigInt(digits), BigInt(per)), BigInt(digits), per)
  })
})

describe("the price of a call", () => {
  it("is by tokens: prompt, from the cache, completion", () => {
    assert.strictEqual(cost(price(), 1000, 0), 200_000n)
    assert.strictEqual(cost(price(), 0, 1000), 600_000n)
    assert.strictEqual(cost(price(), 1000, 0, 1000), 50_000n)
    assert.strictEqual(cost(price(), 1000, 10, 400), 120_000n + 20_000n + 6_000n)
    assert.strictEqual(
      cost(price({ cachedInput: undefined }), 1000, 0, 400),
      200_000n,
      "no other price for the cached ones"
    )
    assert.strictEqual(cost(price(), 10, 0, 9999), 500n, "nobody has a credit")
    assert.strictEqual(cost(price({ input: "0.0000005", per: 1 }), 1, 0), 1n)
    assert.strictEqual(cost(price({ input: "0.000000499999", per: 1 }), 1, 0), 0n)
  })

  it.prop(
    "is what exact fractions give, whatever the price and the tokens",
    {
      input: Decimal,
      output: Decimal,
      cachedInput: Decimal,
      per: Per,
      prompt: Tokens,
      completion: Tokens,
      cached: Tokens
    },
    ({ cached, cachedInput, completion, input, output, per, prompt }) => {
      const fromCache = BigInt(Math.min(prompt, cached))
      const exact =
        (BigInt(prompt) - fromCache) * parseDecimal(input) +
        fromCache * parseDecimal(cachedInput) +
        BigInt(completion) * parseDecimal(output)
      const micros = cost(price({ input, output, cachedInput, per }), prompt, completion, cached)
      assert.isTrue(micros >= 0n)
      assertNearest(micros, exact, per)
      assert.isBelow(micros.toString().length, 37, "the database has room for it")
    }
  )

  it.prop(
    "never falls with more tokens",
    [Decimal, Decimal, Tokens, Tokens, Few],
    ([input, output, prompt, completion, more]) => {
      const of = price({ input, output, cachedInput: undefined })
      assert.isTrue(cost(of, prompt + more, completion) >= cost(of, prompt, completion))
      assert.isTrue(cost(of, prompt, completion + more) >= cost(of, prompt, completion))
    }
  )

  it("has an id of its own for each of its terms", () => {
    const terms: ReadonlyArray<Partial<Price>> = [
      {},
      { input: "0.21" },
      { output: "0.61" },
      { cachedInput: "0.06" },
      { currency: "USD" },
      { per: 1 }
    ]
    const ids = terms.map((more) => makeTariff("smart", price(more)).price.id)
    assert.strictEqual(new Set([...ids, makeTariff("other", price()).price.id]).size, terms.length + 1)
    assert.strictEqual(makeTariff("smart", price()).price.id, ids[0])
    const same = price({ cachedInput: undefined })
    assert.strictEqual(
      makeTariff("smart", same).price.id,
      makeTariff("smart", { ...same, cachedInput: "0.20" }).price.id
    )
  })
})

describe("prices", () => {
  it.effect("are those of the configuration; of what it does not name nobody knows one", () =>
    Effect.gen(function* () {
      const { tariffOf } = yield* Pricing
      assert.strictEqual(tariffOf("smart")?.price.currency, "RUB")
      assert.strictEqual(tariffOf("tiny")?.price.currency, "USD")
      for (const unknown of ["gigachat/GigaChat-2-Max", "Smart", "", "__proto__"]) assert.isUndefined(tariffOf(unknown))
    }).pipe(Effect.provide(Layer.provide(Pricing.layer, layerTestSettings({ models }))))
  )
})
