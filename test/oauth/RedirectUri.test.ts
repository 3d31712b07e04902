import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  findRedirectUri,
  formTarget,
  hostOf,
  registrationFault,
  stateText,
  withParameters
} from "../../src/oauth/RedirectUri.ts"

const registered = "https://good.example/cb"

const Uri = Schema.String.check(Schema.isPattern(/^https:\/\/[ab]{1,2}\.example(:443)?\/[a%/?.]{0,3}$/))

describe("a redirect URI of a request", () => {
  it("is the registered one, to the character", () => {
    assert.strictEqual(findRedirectUri(["https://other.example/", registered], registered), registered)
  })

  const refused: ReadonlyArray<readonly [what: string, uri: string]> = [
    ["a slash at its end", "https://good.example/cb/"],
    ["a query added", "https://good.example/cb?x=1"],
    ["a fragment", "https://good.example/cb#f"],
    ["an encoded letter", "https://good.example/c%62"],
    ["an encoded dot", "https://good%2eexample/cb"],
    ["a host in upper case", "https://GOOD.example/cb"],
    ["the port that is meant anyway", "https://good.example:443/cb"],
    ["a user", "https://user@good.example/cb"],
    ["a dot segment", "https://good.example/cb/../cb"],
    ["a backslash", "https://good.example\\cb"],
    ["a tab", "https://good.example/\tcb"],
    ["a line end", "https://good.example/cb\n"],
    ["a host that looks like it", "https://xn--god-tqa.example/cb"],
    ["a host that begins like it", "https://good.example.evil.com/cb"],
    ["another scheme", "http://good.example/cb"],
    ["a prefix of it", "https://good.example/c"],
    ["nothing", ""]
  ]
  for (const [what, uri] of refused) {
    it(`is not one with ${what}`, () => assert.isUndefined(findRedirectUri([registered], uri)))
  }

  it.prop("is nothing that differs at all", [Uri, Uri], ([one, other]) => {
    assert.strictEqual(findRedirectUri([one], other), one === other ? one : undefined)
  })

  for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
    it(`may have another port on http://${host}`, () => {
      for (const uri of [`http://${host}/cb`, `http://${host}:8080/cb`]) {
        for (const port of ["", ":1", ":51004", ":65535"]) {
          assert.strictEqual(findRedirectUri([uri], `http://${host}${port}/cb`), uri)
        }
        for (const other of [
          `http://${host}:65536/cb`,
          `http://${host}:0/cb`,
          `http://${host}:080/cb`,
          `http://${host}:/cb`,
          `http://${host}:1/cb/`,
          `http://${host}:1/other`,
          `http://${host}:1/cb?x=1`,
          `https://${host}:1/cb`,
          `http://user@${host}:1/cb`,
          `http://${host}.evil.com:1/cb`,
          `http://${host}@evil.com/cb`,
          `http://127.0.0.2:1/cb`,
          `http://0x7f.1:1/cb`,
          `http://LOCALHOST:1/cb`
        ]) {
          assert.isUndefined(findRedirectUri([uri], other), other)
        }
      }
    })
  }

  it("is of one loopback host, not of all", () => {
    assert.isUndefined(findRedirectUri(["http://127.0.0.1/cb"], "http://localhost/cb"))
    assert.isUndefined(findRedirectUri(["http://localhost/cb"], "http://[::1]/cb"))
  })
})

describe("a redirect URI to be registered", () => {
  for (const uri of [
    "https://app.example/callback",
    "https://app.example",
    "https://app.example:8443/cb?tenant=1",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:33418/",
    "http://[::1]:1/cb",
    "http://localhost:3000/oauth/callback",
    "com.example.app:/cb",
    "com.example.app://oauth/cb"
  ]) {
    it(`may be ${uri}`, () => assert.isUndefined(registrationFault(uri)))
  }

  for (const uri of [
    "javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://app.example/1",
    "about:blank",
    "view-source:https://app.example",
    "http://public.example/cb",
    "http://192.168.0.1/cb",
    "http://localhost.evil.com/cb",
    "http://localhost:99999/cb",
    "https://app.example/cb#fragment",
    "https://app.example/cb#",
    "https://user@app.example/cb",
    "https://user:pass@app.example/cb",
    "https://@app.example/cb",
    "https://app.example/a/../cb",
    "https://app.example/%2e%2e/cb",
    "https://app.example/c b",
    "https://app.example\\cb",
    "https://app.example/\tcb",
    "https://пример.example/cb",
    "HTTPS://app.example/cb",
    "https:app.example/cb",
    "https:///app.example/cb",
    "myapp:/cb",
    "myapp://cb",
    "/cb",
    "app.example/cb",
    "",
    `https://app.example/${"a".repeat(2048)}`
  ]) {
    it(`may not be ${uri.slice(0, 60)}`, () => assert.isString(registrationFault(uri)))
  }
})

describe("an answer to a client", () => {
  it("keeps the query that the URI has", () => {
    const add = (uri: string) => withParameters(uri, { code: "a b" }, "x%20y")
    assert.strictEqual(add("https://a.example/cb"), "https://a.example/cb?code=a%20b&state=x%20y")
    assert.strictEqual(add("https://a.example/cb?t=1"), "https://a.example/cb?t=1&code=a%20b&state=x%20y")
    assert.strictEqual(add("https://a.example/cb?"), "https://a.example/cb?code=a%20b&state=x%20y")
    assert.strictEqual(add("com.example.app:/cb"), "com.example.app:/cb?code=a%20b&state=x%20y")
  })

  it("has the state as it was sent, if that can stand in a URI", () => {
    for (const text of ["abc", "a%2Bb+c", "%25%7B%22a%22%3A1%7D", "a/b?c=d", "%FF%00", "%"]) {
      assert.strictEqual(stateText(text), text)
    }
    assert.strictEqual(stateText("a\r\nLocation: x"), "a%0D%0ALocation:%20x")
    assert.strictEqual(stateText("a&code=b#c"), "a%26code=b%23c")
    assert.strictEqual(stateText('"<é\ud800>'), "%22%3C%C3%A9%EF%BF%BD%3E")
  })

  it("is named by its host, or by the program's scheme", () => {
    assert.strictEqual(hostOf("https://app.example:8443/cb"), "app.example:8443")
    assert.strictEqual(hostOf("com.example.app:/cb"), "com.example.app:")
    assert.strictEqual(formTarget("https://app.example:8443/cb?x"), "https://app.example:8443")
    assert.strictEqual(formTarget("http://[::1]:3000/cb"), "http://[::1]:3000")
    assert.strictEqual(formTarget("com.example.app:/cb"), "com.example.app:")
  })
})
