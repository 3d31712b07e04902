import { assert, it as test, layer } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { Passwords } from "../../src/auth/Passwords.ts"

const secret = (text: string) => Redacted.make(text)

layer(Passwords.layer)("Passwords", (it) => {
  it.effect("are verified against their hash, which holds no trace of them", () =>
    Effect.gen(function* () {
      const { hash, verify } = yield* Passwords
      const kept = yield* hash(secret("correct horse"))
      assert.match(kept, /^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
      assert.isTrue(yield* verify(secret("correct horse"), kept))
      assert.isFalse(yield* verify(secret("correct horsf"), kept))
      assert.isFalse(yield* verify(secret(""), kept))
    })
  )

  it.effect("are salted: the same one has another hash each time", () =>
    Effect.gen(function* () {
      const { hash } = yield* Passwords
      assert.notStrictEqual(yield* hash(secret("the same")), yield* hash(secret("the same")))
    })
  )

  it.effect("are the same however their letters are composed", () =>
    Effect.gen(function* () {
      const { hash, verify } = yield* Passwords
      assert.isTrue(yield* verify(secret("paßwört".normalize("NFD")), yield* hash(secret("paßwört".normalize("NFC")))))
    })
  )

  it.effect("hashed with another cost are verified with it", () =>
    Effect.gen(function* () {
      const { verify } = yield* Passwords
      // RFC 7914, section 12, second vector, its first 32 bytes being those of a 32-byte key.
      const kept = "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI"
      assert.isTrue(yield* verify(secret("password"), kept))
      assert.isFalse(yield* verify(secret("Password"), kept))
    })
  )
})

test.live("the password of nobody is refused after as much work", () =>
  Effect.gen(function* () {
    const { hash, verify } = yield* Passwords
    const kept = yield* hash(secret("correct horse"))
    const timeOf = (of: string | undefined) =>
      Effect.map(Effect.timed(verify(secret("wrong"), of)), ([time]) => Duration.toMillis(time))
    const known = yield* timeOf(kept)
    assert.isAbove(yield* timeOf(undefined), known / 4)
    assert.isFalse(yield* verify(secret("wrong"), undefined))
  }).pipe(Effect.provide(Passwords.layer))
)
