import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Attempts, type Subject } from "../../src/oauth/Attempts.ts"
import { oauthEngines } from "./authorizing.ts"

const someSubject = (free = 5): Subject => ({ name: crypto.randomUUID(), free })

/** How long the subject has to wait; 0 where the attempt was counted. */
const attempt = (...subjects: ReadonlyArray<Subject>) =>
  Effect.flatMap(Attempts, (attempts) =>
    Effect.match(attempts.begin(subjects), {
      onSuccess: () => 0,
      onFailure: (error) => (error._tag === "TooManyAttempts" ? error.retryAfterMillis : assert.fail(String(error)))
    })
  )

for (const [engine, oauth] of oauthEngines) {
  layer(oauth)(`Attempts on ${engine}`, (it) => {
    it.effect("are free five times, and then wait twice as long each time, up to fifteen minutes", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2030, 0, 1))
        const subject = someSubject()
        for (let count = 0; count < 5; count++) assert.strictEqual(yield* attempt(subject), 0)
        for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
          assert.strictEqual(yield* attempt(subject), seconds * 1000)
          yield* TestClock.adjust(seconds * 1000)
          assert.strictEqual(yield* attempt(subject), 0)
        }
      })
    )

    it.effect("are forgotten after a day without one, and when it was no guess", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2031, 0, 1))
        const [old, undone, forgotten] = [someSubject(2), someSubject(2), someSubject(2)]
        const attempts = yield* Attempts
        for (const subject of [old, undone, forgotten]) {
          assert.deepStrictEqual([yield* attempt(subject), yield* attempt(subject)], [0, 0])
          assert.strictEqual(yield* attempt(subject), 1000)
        }
        yield* attempts.undo([undone])
        assert.deepStrictEqual([yield* attempt(undone), yield* attempt(undone)], [0, 1000])
        yield* attempts.forget(forgotten)
        assert.deepStrictEqual([yield* attempt(forgotten), yield* attempt(forgotten)], [0, 0])
        yield* TestClock.adjust("25 hours")
        assert.deepStrictEqual([yield* attempt(old), yield* attempt(old), yield* attempt(old)], [0, 0, 1000])
      })
    )

    it.effect("are counted as well when they come at once", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2032, 0, 1))
        const subject = someSubject()
        const waits = yield* Effect.all(
          Array.from({ length: 30 }, () => attempt(subject)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(waits.filter((wait) => wait === 0).length, 5)
      })
    )

    it.effect("of one that has to wait are counted of none after it", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2033, 0, 1))
        const [address, account] = [someSubject(2), someSubject(2)]
        assert.deepStrictEqual([yield* attempt(address), yield* attempt(address)], [0, 0])
        assert.strictEqual(yield* attempt(address, account), 1000)
        assert.deepStrictEqual([yield* attempt(account), yield* attempt(account)], [0, 0])
      })
    )
  })
}
