import { Context, Effect, Layer, type Redacted, Schema } from "effect"
import { Users } from "../auth/Users.ts"
import { Settings } from "../config/Settings.ts"
import type { InternalError } from "../domain/Errors.ts"
import { Attempts, type Subject } from "./Attempts.ts"
import { networkOf } from "./Network.ts"
import { Sessions } from "./Sessions.ts"
import type { UserCredentials } from "./UserCredentials.ts"

export class SignUpRefused extends Schema.TaggedError<SignUpRefused>()("SignUpRefused", {
  reason: Schema.Literals(["closed", "bad_email", "bad_password", "taken", "too_many_attempts"]),
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {}

/**
 * Accounts that people make for themselves, where the gateway allows it. No letter is sent, so whoever tries an address is told
 * that it is taken; how often one may try is what keeps the addresses from being listed, and accounts from being made by the thousand.
 */
export class SignUp extends Context.Service<
  SignUp,
  {
    readonly isOpen: boolean
    /** A new user, who is signed in with it. */
    readonly signUp: (given: UserCredentials) => Effect.Effect<Redacted.Redacted, SignUpRefused | InternalError>
  }
>()("xrouter/oauth/SignUp") {
  static readonly layerNoDeps = Layer.effect(
    SignUp,
    Effect.gen(function* () {
      const isOpen = (yield* Settings).signup === "open"
      const users = yield* Users
      const attempts = yield* Attempts
      const sessions = yield* Sessions

      const signUp = Effect.fn("SignUp.signUp")(function* (given: UserCredentials) {
        if (!isOpen) return yield* new SignUpRefused({ reason: "closed" })
        const address: Subject = { name: `sign-up ${networkOf(given.address)}`, free: freeOfAddress }
        yield* attempts
          .begin([address])
          .pipe(
            Effect.catchTag("TooManyAttempts", ({ retryAfterMillis }) =>
              Effect.fail(new SignUpRefused({ reason: "too_many_attempts", retryAfterMillis }))
            )
          )
        const user = yield* users.create({ email: given.email.trim(), password: given.password }).pipe(
          Effect.catchTag("ValidationError", ({ param, reason }) =>
            Effect.fail(
              new SignUpRefused({
                reason: reason === "already_exists" ? "taken" : param === "password" ? "bad_password" : "bad_email"
              })
            )
          )
        )
        return yield* sessions.start(user.id)
      })

      return SignUp.of({ isOpen, signUp })
    })
  )

  static readonly layer = SignUp.layerNoDeps.pipe(Layer.provide(Users.layerSettings))
}

/** Of a network in a day, whatever comes of them; later ones have to wait, at last a quarter of an hour each. */
const freeOfAddress = 10
