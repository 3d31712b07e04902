import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Passwords } from "../auth/Passwords.ts"
import type { InternalError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import { Attempts, type Subject } from "./Attempts.ts"
import { networkOf } from "./Network.ts"
import { Sessions } from "./Sessions.ts"
import type { UserCredentials } from "./UserCredentials.ts"

/** Nothing in it tells whether there is such a user. */
export class SignInRefused extends Schema.TaggedError<SignInRefused>()("SignInRefused", {
  reason: Schema.Literals(["wrong_password", "too_many_attempts"]),
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {}

/** Email and password against a session. */
export class SignIn extends Context.Service<
  SignIn,
  {
    readonly signIn: (given: UserCredentials) => Effect.Effect<Redacted.Redacted, SignInRefused | InternalError>
  }
>()("xrouter/oauth/SignIn") {
  static readonly layer = Layer.effect(
    SignIn,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const passwords = yield* Passwords
      const attempts = yield* Attempts
      const sessions = yield* Sessions

      /** A user who has no password is like one who is not there. */
      const find = Effect.fnUntraced(function* (email: string) {
        if (!isAskable(email)) return undefined
        const [row] = yield* query(
          sql<{ id: string; password_hash: string | null }>`
            SELECT id, password_hash FROM users WHERE lower(email) = lower(${email}) AND deleted_at IS NULL`
        )
        return row === undefined || row.password_hash === null ? undefined : { id: row.id, hash: row.password_hash }
      })

      const signIn = Effect.fn("SignIn.signIn")(function* (given: UserCredentials) {
        const email = given.email.trim()
        const account: Subject = { name: `account ${email.toLowerCase()}`, free: freeOfAccount }
        const address: Subject = { name: `address ${networkOf(given.address)}`, free: freeOfAddress }
        yield* attempts
          .begin([address, account])
          .pipe(
            Effect.catchTag("TooManyAttempts", ({ retryAfterMillis }) =>
              Effect.fail(new SignInRefused({ reason: "too_many_attempts", retryAfterMillis }))
            )
          )
        const user = yield* find(email)
        const isRight = yield* passwords.verify(bounded(given.password), user?.hash)
        if (!isRight || user === undefined) return yield* new SignInRefused({ reason: "wrong_password" })
        yield* attempts.undo([address])
        yield* attempts.forget(account)
        return yield* sessions.start(user.id)
      })

      return SignIn.of({ signIn })
    })
  )
}

const freeOfAccount = 5
/** Many people share an address. */
const freeOfAddress = 30

/** Deriving a key takes no longer for a text without end; a password has at most 1024 characters. */
const bounded = (password: Redacted.Redacted): Redacted.Redacted =>
  Redacted.value(password).length <= 1024 ? password : Redacted.make("")

/** PostgreSQL knows no NUL and no half of a surrogate pair. */
const isAskable = (email: string): boolean => email.length <= 254 && email.isWellFormed() && !email.includes("\0")
