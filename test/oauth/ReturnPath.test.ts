import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { returnPath } from "../../src/oauth/ReturnPath.ts"

const Rest = Schema.Union([Schema.String, Schema.String.check(Schema.isPattern(/^[/\\\t\n @:.?#a%29fF5cC]{0,8}$/))])
const origin = "https://xrouter.test"

describe("where a browser returns to", () => {
  for (const path of [
    "/",
    "/account",
    "/authorize?client_id=a&redirect_uri=https%3A%2F%2Fb.example%2Fcb&state=%2F%2F"
  ]) {
    it(`may be ${path}`, () => assert.strictEqual(returnPath(path), path))
  }

  for (const text of [
    "//evil",
    "/\\evil",
    "\\/evil",
    "https:evil",
    "https://evil",
    "%2f%2fevil",
    "/%2fevil",
    "/%2Fevil",
    "/%5cevil",
    "/%09/evil",
    "/\t/evil",
    "/\n/evil",
    " //evil",
    "/a//evil",
    "account",
    "?x",
    "javascript:alert(1)",
    "/é",
    ""
  ]) {
    it(`may not be ${JSON.stringify(text)}`, () => assert.isUndefined(returnPath(text)))
  }

  it.prop("is on this host, however a browser reads it", [Rest], ([text]) => {
    for (const start of ["", "/", "//", "/\\", "/\t"]) {
      const path = returnPath(start + text)
      if (path !== undefined) assert.strictEqual(new URL(path, origin).origin, origin)
    }
  })
})
