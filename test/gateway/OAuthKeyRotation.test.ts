import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import { freshDatabase } from "../support/TestDatabase.ts"
import { makeToken, startOAuthGateway, use } from "./OAuthGateway.ts"

const secret = (kid: string) => ({ kid, secret: Redacted.make(randomBytes(32).toString("base64")) })

const signedBy = (token: string): unknown => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString())

describe("a new signing secret", () => {
  it.live("comes in and the old one goes, instance by instance, without a token that is refused before its time", () =>
    Effect.gen(function* () {
      const databaseUrl = Redacted.make(yield* Effect.orDie(freshDatabase))
      const [old, fresh] = [secret("old"), secret("new")]
      const first = yield* startOAuthGateway({ databaseUrl, jwtSecrets: [old] })
      const join = (jwtSecrets: ReadonlyArray<typeof old>) =>
        startOAuthGateway({ databaseUrl, jwtSecrets, publicUrl: first.url })

      // The first rollout, half of it done: what either signs, both know.
      const knowing = yield* join([old, fresh])
      const one = yield* makeToken(first)
      assert.deepInclude(signedBy(one.token), { alg: "HS256", kid: "old" })
      assert.deepStrictEqual([yield* use(first, one.token), yield* use(knowing, one.token)], [200, 200])

      // The second: the new one signs, and who knew it without signing with it verifies it.
      const signing = yield* join([fresh, old])
      const two = yield* makeToken(signing)
      assert.deepInclude(signedBy(two.token), { kid: "new" })
      for (const token of [one.token, two.token]) {
        assert.deepStrictEqual([yield* use(knowing, token), yield* use(signing, token)], [200, 200])
      }
      // Which is why there is a first: an instance that was left out of it knows nothing of these.
      assert.strictEqual(yield* use(first, two.token), "invalid_token")

      // The last, or an emergency: what the old one has signed is void, whatever the database says of it.
      const without = yield* join([fresh])
      assert.deepStrictEqual([yield* use(without, one.token), yield* use(without, two.token)], ["invalid_token", 200])
      assert.strictEqual(yield* use(signing, one.token), 200)
    }).pipe(Effect.scoped)
  )

  it.live("of an old name is a new one: a name alone verifies nothing", () =>
    Effect.gen(function* () {
      const databaseUrl = Redacted.make(yield* Effect.orDie(freshDatabase))
      const first = yield* startOAuthGateway({ databaseUrl, jwtSecrets: [secret("k")] })
      const second = yield* startOAuthGateway({ databaseUrl, jwtSecrets: [secret("k")], publicUrl: first.url })
      const { token } = yield* makeToken(first)
      assert.deepStrictEqual([yield* use(first, token), yield* use(second, token)], [200, "invalid_token"])
    }).pipe(Effect.scoped)
  )
})
