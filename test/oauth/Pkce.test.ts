import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isChallenge, isVerifier, verifies } from "../../src/oauth/Pkce.ts"
import { challengeOf } from "./authorizing.ts"

const Verifier = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9._~-]{43,128}$/))
const Position = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 42 }))
const Character = Schema.Literals([..."AZaz09-_=+/ ."])

describe("PKCE", () => {
  it("knows the pair of RFC 7636, appendix B", () => {
    const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert.isTrue(verifies(verifier, challenge))
    assert.isFalse(verifies(challenge, verifier))
  })

  it.prop("verifies the challenge of a verifier and of no other", [Verifier, Verifier], ([one, other]) => {
    assert.isTrue(verifies(one, challengeOf(one)))
    assert.strictEqual(verifies(other, challengeOf(one)), one === other)
  })

  it.prop("takes no changed challenge", [Verifier, Position, Character], ([text, at, to]) => {
    const challenge = challengeOf(text)
    const changed = challenge.slice(0, at) + to + challenge.slice(at + 1)
    assert.strictEqual(verifies(text, changed), changed === challenge)
  })

  const wrong: ReadonlyArray<readonly [what: string, challenge: string]> = [
    ["of 42 characters", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c"],
    ["of 44 characters", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMA"],
    ["with padding", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="],
    ["in the other base64 alphabet", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"],
    ["with bits that mean nothing", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"],
    ["that is empty", ""]
  ]
  for (const [what, challenge] of wrong) {
    it(`has no challenge ${what}`, () => assert.isFalse(isChallenge(challenge)))
  }

  it("has verifiers of 43 to 128 unreserved characters", () => {
    assert.deepStrictEqual(
      [42, 43, 128, 129].map((length) => isVerifier("a".repeat(length))),
      [false, true, true, false]
    )
    for (const odd of ["=", "+", "/", " ", "é", "\n"]) assert.isFalse(isVerifier("a".repeat(50) + odd))
  })
})
