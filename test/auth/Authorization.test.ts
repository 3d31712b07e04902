import { assert, describe, it } from "@effect/vitest"
import { bearerToken } from "../../src/auth/Authorization.ts"

const outcome = (header: string | undefined) => {
  const token = bearerToken(header)
  return typeof token === "string" ? token : token.reason
}

describe("the Authorization header", () => {
  const cases: ReadonlyArray<readonly [what: string, header: string | undefined, outcome: string]> = [
    ["a token", "Bearer abc.DEF-1_2~3+/==", "abc.DEF-1_2~3+/=="],
    ["a scheme in small letters", "bearer abc", "abc"],
    ["a scheme in capitals and several blanks", "BEARER   abc  ", "abc"],
    ["nothing", undefined, "missing_credentials"],
    ["an empty one", "", "missing_credentials"],
    ["blanks", "   ", "missing_credentials"],
    ["a scheme without a token", "Bearer", "missing_credentials"],
    ["a scheme without a token, with a blank", "Bearer ", "missing_credentials"],
    ["Basic credentials", "Basic dXNlcjpwYXNz", "invalid_api_key"],
    ["a key without a scheme", "xr-free-abc", "invalid_api_key"],
    ["a scheme run together with the token", "Bearerabc", "invalid_api_key"],
    ["two tokens", "Bearer abc def", "invalid_request"],
    ["two headers joined into one", "Bearer abc, Bearer def", "invalid_request"],
    ["two of one, joined without a blank", "Bearer abc,Bearer abc", "invalid_request"],
    ["quotes", 'Bearer "abc"', "invalid_request"],
    ["characters beyond ASCII", "Bearer клю́ч", "invalid_request"],
    ["a NUL", "Bearer a\0b", "invalid_request"],
    ["a token longer than any", `Bearer ${"a".repeat(8193)}`, "invalid_request"]
  ]
  for (const [what, header, expected] of cases) {
    it(`with ${what} means ${expected.slice(0, 30)}`, () => assert.strictEqual(outcome(header), expected))
  }
})
