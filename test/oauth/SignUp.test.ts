import { assert, it, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { Users } from "../../src/auth/Users.ts"
import { Sessions } from "../../src/oauth/Sessions.ts"
import { SignIn } from "../../src/oauth/SignIn.ts"
import { SignUp } from "../../src/oauth/SignUp.ts"
import { migratedEngines } from "../support/TestDatabase.ts"
import { layerTestSettings } from "../support/TestSettings.ts"
import { layerOAuth } from "./authorizing.ts"

const password = "eight letters or more"

const signUp = (email: string, given = password, address = someAddress()) =>
  Effect.flatMap(SignUp, (service) => service.signUp({ email, password: Redacted.make(given), address }))

/** Of a network that nobody else has. */
const someAddress = () => `2001:db8:${crypto.randomUUID().slice(0, 4)}:${crypto.randomUUID().slice(0, 4)}::1`

const refusal = (...given: Parameters<typeof signUp>) =>
  Effect.map(Effect.flip(signUp(...given)), (error) =>
    error._tag === "SignUpRefused" ? [error.reason, error.retryAfterMillis] : assert.fail(String(error))
  )

const someEmail = () => `${crypto.randomUUID()}@example.org`

const engines = migratedEngines.map(
  ([name, database]) =>
    [
      name,
      SignUp.layerNoDeps.pipe(
        Layer.provide(layerTestSettings({ signup: "open" })),
        Layer.provideMerge(layerOAuth(database))
      )
    ] as const
)

for (const [engine, oauth] of engines) {
  layer(oauth)(`Signing up on ${engine}`, (it) => {
    it.effect("makes a user of the first tier who is signed in, and can sign in again", () =>
      Effect.gen(function* () {
        const email = someEmail()
        const secret = yield* signUp(` ${email} `)
        const session = yield* (yield* Sessions).find(Redacted.value(secret))
        assert.strictEqual(session?.email, email)
        const user = yield* (yield* Users).get(session?.userId ?? "")
        assert.deepInclude(user, { email, tier: "free" })
        yield* (yield* SignIn).signIn({ email, password: Redacted.make(password), address: "192.0.2.1" })
      })
    )

    it.effect("holds to the rules that administrators are held to", () =>
      Effect.gen(function* () {
        for (const email of ["", "nobody", "a b@example.org", `${"x".repeat(250)}@example.org`, "a\0@example.org"]) {
          assert.deepStrictEqual(yield* refusal(email), ["bad_email", undefined], email)
        }
        for (const given of ["", "seven77", "x".repeat(1025)]) {
          assert.deepStrictEqual(yield* refusal(someEmail(), given), ["bad_password", undefined])
        }
      })
    )

    it.effect("gives an address once, in whatever case, and never somebody's account", () =>
      Effect.gen(function* () {
        const email = someEmail()
        yield* signUp(email)
        assert.deepStrictEqual(yield* refusal(email), ["taken", undefined])
        assert.deepStrictEqual(yield* refusal(email.toUpperCase(), "another password"), ["taken", undefined])
      })
    )

    it.effect("makes a network wait that has tried ten times, whatever came of it", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2031, 0, 1))
        const at = (host: number) => `2001:db8:1:2::${host}`
        for (let count = 0; count < 5; count++) {
          yield* signUp(someEmail(), password, at(count))
          yield* refusal("nobody", password, at(count))
        }
        assert.deepStrictEqual(yield* refusal(someEmail(), password, at(77)), ["too_many_attempts", 1000])
        yield* signUp(someEmail(), password, "2001:db8:1:3::1")
        yield* TestClock.adjust(1000)
        yield* signUp(someEmail(), password, at(77))
        assert.deepStrictEqual(yield* refusal(someEmail(), password, at(78)), ["too_many_attempts", 2000])
      })
    )
  })
}

const [, database] = migratedEngines[0] ?? assert.fail("There is no engine")

it.effect("Signing up is refused unless the administrator has opened it", () =>
  Effect.gen(function* () {
    assert.isFalse((yield* SignUp).isOpen)
    assert.deepStrictEqual(yield* refusal(someEmail()), ["closed", undefined])
  }).pipe(
    Effect.provide(
      SignUp.layerNoDeps.pipe(Layer.provide(layerTestSettings()), Layer.provideMerge(layerOAuth(database)))
    )
  )
)
