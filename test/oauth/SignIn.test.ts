import { assert, it, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { PasswordCost, Passwords } from "../../src/auth/Passwords.ts"
import { Users } from "../../src/auth/Users.ts"
import { formToken, isFormToken } from "../../src/oauth/Csrf.ts"
import { Attempts } from "../../src/oauth/Attempts.ts"
import { Sessions } from "../../src/oauth/Sessions.ts"
import { SignIn } from "../../src/oauth/SignIn.ts"
import { migratedEngines } from "../support/TestDatabase.ts"
import { layerOAuth, oauthEngines, password, someSession, someUser } from "./authorizing.ts"

const signIn = (email: string, given = password, address = "192.0.2.1") =>
  Effect.flatMap(SignIn, (service) => service.signIn({ email, password: Redacted.make(given), address }))

const refusal = (...given: Parameters<typeof signIn>) =>
  Effect.map(Effect.flip(signIn(...given)), (error) =>
    error._tag === "SignInRefused" ? [error.reason, error.retryAfterMillis] : assert.fail(String(error))
  )

const wrong: Effect.Success<ReturnType<typeof refusal>> = ["wrong_password", undefined]

for (const [engine, oauth] of oauthEngines) {
  layer(oauth)(`Signing in on ${engine}`, (it) => {
    it.effect("takes the password, and the address in any case", () =>
      Effect.gen(function* () {
        const { email, id } = yield* someUser
        const secret = yield* signIn(` ${email.toUpperCase()} `)
        const session = yield* (yield* Sessions).find(Redacted.value(secret))
        assert.deepInclude(session, { userId: id, email })
        assert.notInclude(String(secret), Redacted.value(secret))
      })
    )

    it.effect("says the same of a wrong password, an unknown user, a user without a password, and nonsense", () =>
      Effect.gen(function* () {
        const { email } = yield* someUser
        const without = yield* (yield* Users).create({ email: `${crypto.randomUUID()}@example.org` })
        assert.deepStrictEqual(yield* refusal(email, "wrong"), wrong)
        assert.deepStrictEqual(yield* refusal(email, ""), wrong)
        assert.deepStrictEqual(yield* refusal(email, "x".repeat(1_000_000)), wrong)
        assert.deepStrictEqual(yield* refusal("nobody@example.org"), wrong)
        assert.deepStrictEqual(yield* refusal(without.email, ""), wrong)
        assert.deepStrictEqual(yield* refusal("\0\ud800"), wrong)
        assert.deepStrictEqual(yield* refusal("' OR 1=1 --"), wrong)
      })
    )

    it.effect("is no more possible for a user who is gone or has lost the password", () =>
      Effect.gen(function* () {
        const users = yield* Users
        const [gone, without] = [yield* someUser, yield* someUser]
        yield* users.remove(gone.id)
        yield* users.update(without.id, { password: null })
        assert.deepStrictEqual(yield* refusal(gone.email), wrong)
        assert.deepStrictEqual(yield* refusal(without.email), wrong)
      })
    )

    it.effect(
      "makes one wait who has guessed five times, twice as long each time, wherever the guesses come from",
      () =>
        Effect.gen(function* () {
          yield* TestClock.setTime(Date.UTC(2030, 0, 1))
          const { email } = yield* someUser
          for (let guess = 0; guess < 5; guess++) {
            assert.deepStrictEqual(yield* refusal(email, "guess", `198.51.100.${guess}`), wrong)
          }
          assert.deepStrictEqual(yield* refusal(email, password), ["too_many_attempts", 1000])
          yield* TestClock.adjust(1000)
          assert.deepStrictEqual(yield* refusal(email.toUpperCase(), "guess"), wrong)
          assert.deepStrictEqual(yield* refusal(email), ["too_many_attempts", 2000])
          yield* TestClock.adjust(2000)
          yield* signIn(email)
          // That was the user: what came before is forgotten.
          for (let guess = 0; guess < 4; guess++) assert.deepStrictEqual(yield* refusal(email, "guess"), wrong)
          yield* signIn(email)
        })
    )

    it.effect("makes an address wait that tries many accounts, an IPv6 network as a whole", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2032, 0, 1))
        const { email } = yield* someUser
        // One less than is free: the rest is Attempts' own.
        const attempts = yield* Attempts
        yield* Effect.replicateEffect(attempts.begin([{ name: "address 2001:db8:0:0", free: 30 }]), 29)
        assert.deepStrictEqual(yield* refusal(email, "guess", "2001:db8::1"), wrong)
        assert.deepStrictEqual(yield* refusal(email, password, "2001:db8:0:0:ffff::1"), ["too_many_attempts", 1000])
        yield* signIn(email, password, "2001:db8:0:1::1")
      })
    )

    it.effect("keeps neither address nor email with the attempts", () =>
      Effect.gen(function* () {
        yield* refusal("somebody@example.org", "guess", "192.0.2.77")
        const text = JSON.stringify(yield* (yield* SqlClient)`SELECT * FROM attempts`)
        assert.notInclude(text, "somebody")
        assert.notInclude(text, "192.0.2.77")
      })
    )
  })

  layer(oauth)(`A session on ${engine}`, (it) => {
    it.effect("is found by its secret alone, which is kept as a hash", () =>
      Effect.gen(function* () {
        const [sessions, { secret, session }] = [yield* Sessions, yield* someSession]
        assert.deepStrictEqual(yield* sessions.find(secret), session)
        for (const other of [
          "",
          "x",
          session.id,
          `${secret}0`,
          secret.toUpperCase(),
          "0".repeat(64),
          "\0".repeat(64)
        ]) {
          if (other !== secret) assert.isUndefined(yield* sessions.find(other))
        }
        const rows = yield* (yield* SqlClient)`SELECT * FROM sessions`
        assert.notInclude(JSON.stringify(rows), secret)
      })
    )

    it.effect("ends after twelve hours without a request, and after a week in any case", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2030, 0, 1))
        const [sessions, { secret }, idle] = [yield* Sessions, yield* someSession, yield* someSession]
        for (let hours = 0; hours < 7 * 24 - 1; hours += 11) {
          yield* TestClock.setTime(Date.UTC(2030, 0, 1, hours))
          assert.isDefined(yield* sessions.find(secret), `${hours}`)
        }
        assert.isUndefined(yield* sessions.find(idle.secret))
        yield* TestClock.setTime(Date.UTC(2030, 0, 8))
        assert.isUndefined(yield* sessions.find(secret))
      })
    )

    it.effect("ends when it is told to, once and for all, and no other with it", () =>
      Effect.gen(function* () {
        const [sessions, one, other] = [yield* Sessions, yield* someSession, yield* someSession]
        yield* sessions.end(one.session)
        yield* sessions.end(one.session)
        assert.isUndefined(yield* sessions.find(one.secret))
        assert.isDefined(yield* sessions.find(other.secret))
        yield* sessions.endAll(other.session.userId)
        assert.isUndefined(yield* sessions.find(other.secret))
      })
    )

    it.effect("ends with its user", () =>
      Effect.gen(function* () {
        const { secret, session } = yield* someSession
        yield* (yield* Users).remove(session.userId)
        assert.isUndefined(yield* (yield* Sessions).find(secret))
      })
    )

    it.effect("has forms that no other session has", () =>
      Effect.gen(function* () {
        const [one, other] = [yield* someSession, yield* someSession]
        assert.isTrue(isFormToken(formToken(one.secret), one.secret))
        assert.isFalse(isFormToken(formToken(other.secret), one.secret))
        for (const text of ["", "x", one.secret, formToken(one.secret).slice(1)]) {
          assert.isFalse(isFormToken(text, one.secret))
        }
      })
    )
  })
}

const [, database] = migratedEngines[0] ?? assert.fail("There is no engine")

/** Dear enough to stand out from the queries beside it. */
const dearPasswords = Layer.provide(Passwords.layer, Layer.succeed(PasswordCost, { ln: 14, r: 8, p: 1 }))

it.effect("How long a refusal takes does not tell whether there is such a user", () =>
  Effect.gen(function* () {
    const known = yield* someUser
    const without = yield* (yield* Users).create({ email: `${crypto.randomUUID()}@example.org` })
    const subjects = [known.email, without.email, "nobody@example.org"]
    const best = subjects.map(() => Number.POSITIVE_INFINITY)
    // The least of some: whatever else the machine does only adds to it.
    for (let round = 0; round < 4; round++) {
      for (const [index, email] of subjects.entries()) {
        const start = performance.now()
        assert.deepStrictEqual(yield* refusal(email, "wrong"), wrong)
        best[index] = Math.min(best[index] ?? 0, performance.now() - start)
      }
    }
    // Without a derivation it would be a tenth.
    assert.isBelow(Math.max(...best) / Math.min(...best), 3, String(best))
  }).pipe(Effect.provide(layerOAuth(database, {}, dearPasswords)))
)
