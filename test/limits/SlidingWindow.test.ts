import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { Decision } from "../../src/limits/LimiterStore.ts"
import { makeMemoryStore } from "../../src/limits/MemoryStore.ts"
import { SlidingLog } from "../../src/limits/SlidingLog.ts"
import { requestResolution, tokenResolution } from "../../src/limits/Spans.ts"
import { reservation, type Store, stores } from "./stores.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Callers come in bursts, at random times over some minutes: `pause` before and `count` requests within it. */
const arrivals = Schema.Array(Schema.Struct({ pause: between(0, 20_000), count: between(1, 60) }))

const most = (times: ReadonlyArray<number>): number => {
  let start = 0
  let found = 0
  times.forEach((time, index) => {
    while ((times[start] ?? 0) <= time - 60_000) start += 1
    found = Math.max(found, index - start + 1)
  })
  return found
}

describe("a sliding window", () => {
  it.effect.prop(
    "never admits more than the limit in any 60 s, whenever callers come",
    { rpm: between(1, 2000), arrivals },
    ({ arrivals, rpm }) =>
      Effect.gen(function* () {
        const { store } = yield* makeMemoryStore
        const admissions: Array<number> = []
        let now = 0
        for (const { count, pause } of arrivals) {
          for (let index = 0; index < count * Math.ceil(rpm / 40); index += 1) {
            now += index === 0 ? pause : index % 7
            yield* TestClock.setTime(now)
            if ((yield* store.reserve(reservation({ rpm })))._tag === "Admitted") admissions.push(now)
          }
        }
        assert.isAtMost(most(admissions), rpm)
      }),
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop(
    "admits a caller who is alone and waits as long as it was told, always, and never lets it wait for more than a minute",
    { rpm: between(1, 1500), arrivals },
    ({ arrivals, rpm }) =>
      Effect.gen(function* () {
        const { store } = yield* makeMemoryStore
        const admissions: Array<number> = []
        let now = 0
        for (const { count, pause } of arrivals) {
          now += pause
          for (let index = 0; index < count * Math.ceil(rpm / 40); index += 1) {
            yield* TestClock.setTime((now += index % 3))
            const decision = yield* store.reserve(reservation({ rpm }))
            if (decision._tag === "Admitted") {
              admissions.push(now)
              continue
            }
            assert.isAtMost(decision.retryAfterMillis, 60_000)
            yield* TestClock.setTime(now + decision.retryAfterMillis - 1)
            assert.strictEqual((yield* store.reserve(reservation({ rpm })))._tag, "Refused")
            yield* TestClock.setTime((now += decision.retryAfterMillis))
            assert.strictEqual((yield* store.reserve(reservation({ rpm })))._tag, "Admitted")
            admissions.push(now)
          }
        }
        assert.isAtMost(most(admissions), rpm)
      }),
    { arbitrary: { runs: 25 } }
  )

  it.effect("keeps a bounded number of entries, whatever the limit and however steady the load", () =>
    Effect.sync(() => {
      for (const [resolution, bound] of [
        [requestResolution, 1201],
        [tokenResolution, 121]
      ] as const) {
        const log = new SlidingLog(resolution)
        for (let now = 0; now < 200_000; now += 1) {
          log.sumAt(now)
          log.add(now, 5)
          if (now % 97 === 0) assert.isAtMost(log.length, bound)
        }
        assert.isAtLeast(log.sumAt(200_000), 5 * 59_999)
      }
    })
  )

  it.effect("is the same in memory, in Redis and in a cluster, for any limits, calls and settlements", () =>
    Effect.gen(function* () {
      const [memory, ...others] = yield* Effect.forEach(stores, ({ make }) => make)
      if (memory === undefined || others.length !== 2) return assert.fail("three stores expected")
      let cases = 0
      const result = yield* Arbitrary.checkEffect(
        Arbitrary.schema(dialogue),
        (steps) =>
          Effect.gen(function* () {
            const subject = `case:${(cases += 1)}`
            const expected = yield* play(memory, subject, steps)
            for (const store of others) assert.deepStrictEqual(yield* play(store, subject, steps), expected)
            return true
          }),
        { runs: 150 }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(result))
    })
  )
})

const maybe = (minimum: number, maximum: number) => Schema.optionalKey(between(minimum, maximum))

/** Some minutes around midnight; each step a request, and what it says of its end. */
const dialogue = Schema.Array(
  Schema.Struct({
    pause: between(-2000, 25_000),
    tokens: between(0, 60),
    used: between(0, 90),
    isSameRequest: Schema.Boolean,
    settles: Schema.Literals(["never", "at once", "later", "twice"]),
    limits: Schema.Struct({
      rpm: maybe(1, 4),
      rpd: maybe(1, 9),
      tpm: maybe(1, 99),
      tpd: maybe(1, 300),
      concurrency: maybe(1, 3)
    })
  })
)

const play = Effect.fn(function* (store: Store, subject: string, steps: typeof dialogue.Type) {
  const decisions: Array<Decision> = []
  const later: Array<Effect.Effect<void>> = []
  let now = 86_400_000 - 90_000
  let requestId = "req_first"
  for (const { isSameRequest, limits, pause, settles, tokens, used } of steps) {
    yield* TestClock.setTime((now += pause))
    const asked = reservation(limits, { subject, tokens, ...(isSameRequest ? { requestId } : {}) })
    requestId = asked.requestId
    decisions.push(yield* store.reserve(asked))
    const settle = store.settle(asked, used)
    if (settles === "at once" || settles === "twice") yield* settle
    if (settles === "later" || settles === "twice") later.push(settle)
    if (later.length > 2) yield* later.shift() ?? Effect.void
    yield* store.renew(steps.length % 2 === 0 ? [asked] : [])
  }
  return decisions
})
