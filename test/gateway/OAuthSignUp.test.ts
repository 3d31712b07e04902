import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import {
  authorizeUrl,
  makeClient,
  makeUser,
  password,
  postForm,
  OAuthGateway,
  startOAuthGateway,
  tokenFields,
  use,
  WebBrowser
} from "./OAuthGateway.ts"

const signUp = Effect.fnUntraced(function* (
  browser: WebBrowser,
  fields: Readonly<Record<string, string>>,
  path = "/signup"
) {
  const page = yield* browser.send(path)
  return yield* browser.post("/signup", { ...browser.hidden(page.text), password, ...fields })
})

const someEmail = () => `${crypto.randomUUID()}@example.org`

const open = OAuthGateway.layer({ signup: "open", trustedProxies: ["127.0.0.1/32"] })

layer(open, { excludeTestServices: true })("Where sign-up is open", (it) => {
  it.effect("a stranger on the way to an application makes an account and gets there", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const [client, browser] = [yield* makeClient(gateway), new WebBrowser(gateway)]
      const url = authorizeUrl(client.id)
      const signIn = yield* browser.send((yield* browser.send(url)).headers.get("location") ?? "")
      const link = /<a href="(\/signup[^"]*)"/.exec(signIn.text)?.[1]?.replaceAll("&amp;", "&") ?? ""
      const page = yield* browser.send(link)
      assert.strictEqual(page.status, 200)
      assert.include(page.headers.get("content-security-policy") ?? "", "form-action 'self' https://app.example")
      assert.strictEqual(page.headers.get("cache-control"), "no-store")
      const before = new Map(browser.cookies)
      const made = yield* signUp(browser, { email: someEmail() }, link)
      assert.deepStrictEqual([made.status, made.headers.get("location")], [303, url])
      assert.notDeepEqual(browser.cookies, before)
      const consent = yield* browser.send(url)
      const answer = yield* browser.post("/authorize", { ...browser.hidden(consent.text), decision: "approve" })
      const code = new URL(answer.headers.get("location") ?? "none:").searchParams.get("code") ?? ""
      const { json } = yield* postForm(gateway, "/token", tokenFields(client, code))
      assert.strictEqual(yield* use(gateway, json.access_token), 200)
    })
  )

  it.effect("a new user without an application is greeted in the account and told what next", () =>
    Effect.gen(function* () {
      const browser = new WebBrowser(yield* OAuthGateway)
      const made = yield* signUp(browser, { email: someEmail() })
      assert.strictEqual(made.headers.get("location"), "/account?new=1")
      assert.include((yield* browser.send("/account?new=1")).text, "Your account is ready")
      assert.notInclude((yield* browser.send("/account")).text, "Your account is ready")
      assert.strictEqual((yield* browser.send("/signup")).headers.get("location"), "/account")
    })
  )

  it.effect("a page says what is wrong and keeps the address, never the password", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const { email } = yield* makeUser(gateway)
      for (const [fields, status, text] of [
        [{ email: "nobody" }, 400, "This is no email address"],
        [{ email: someEmail(), password: "short-1" }, 400, "8 to 1024 characters"],
        [{ email }, 409, "There is an account with this email already"]
      ] as const) {
        const answer = yield* signUp(new WebBrowser(gateway), fields)
        assert.strictEqual(answer.status, status)
        assert.include(answer.text, text)
        assert.include(answer.text, `value="${fields.email}"`)
        assert.notInclude(answer.text, "short-1")
        assert.notInclude(answer.text, password)
      }
    })
  )

  it.effect("no form of another page makes an account, and no way leads out of the gateway", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const browser = new WebBrowser(gateway)
      const email = someEmail()
      const headers = { origin: "https://evil.example" }
      const { csrf = "" } = browser.hidden((yield* browser.send("/signup")).text)
      assert.strictEqual((yield* browser.post("/signup", { email, password })).status, 403)
      assert.strictEqual((yield* browser.post("/signup", { email, password, csrf }, headers)).status, 403)
      const made = yield* browser.post("/signup", { email, password, csrf, return_to: "//evil.example" })
      assert.strictEqual(made.headers.get("location"), "/account?new=1")
    })
  )

  it.effect("an address that goes on and on has to wait, and no other", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const from = Effect.fnUntraced(function* (address: string) {
        const browser = new WebBrowser(gateway)
        const { csrf = "" } = browser.hidden((yield* browser.send("/signup")).text)
        return yield* browser.post("/signup", { email: someEmail(), password, csrf }, { "x-forwarded-for": address })
      })
      for (let count = 0; count < 10; count++) assert.strictEqual((yield* from("203.0.113.9")).status, 303)
      const refused = yield* from("203.0.113.9")
      assert.strictEqual(refused.status, 429)
      assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/)
      assert.include(refused.text, "Too many attempts")
      assert.strictEqual((yield* from("203.0.113.10")).status, 303)
    })
  )
})

describe("Where sign-up is closed, as it is unless it was opened,", () => {
  it.live("nothing leads there, and who comes is told whom to ask", () =>
    Effect.gen(function* () {
      const browser = new WebBrowser(yield* startOAuthGateway())
      const page = yield* browser.send("/login")
      assert.notInclude(page.text, "/signup")
      const { csrf = "" } = browser.hidden(page.text)
      for (const answer of [
        yield* browser.send("/signup"),
        yield* browser.post("/signup", { email: someEmail(), password, csrf })
      ]) {
        assert.strictEqual(answer.status, 404)
        assert.include(answer.text, "Ask the administrator")
      }
    }).pipe(Effect.scoped)
  )
})
