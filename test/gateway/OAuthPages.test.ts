import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Answer } from "../support/Gateway.ts"
import { asked, assertSafe } from "./OAuthConsentPage.ts"
import {
  authorizeUrl,
  callback,
  makeClient,
  makeUser,
  password,
  postForm,
  OAuthGateway,
  tokenFields,
  WebBrowser
} from "./OAuthGateway.ts"

const location = (answer: Answer) => new URL(answer.headers.get("location") ?? "none:")

const pageTitle = (answer: Answer) => /<h1>([^<]*)<\/h1>/.exec(answer.text)?.[1]?.trim()

layer(OAuthGateway.layer(), { excludeTestServices: true })("The pages", (it) => {
  it.effect("ask a stranger to sign in, and then what was wanted", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const [user, client, browser] = [yield* makeUser(gateway), yield* makeClient(gateway), new WebBrowser(gateway)]
      const url = authorizeUrl(client.id)
      const first = yield* browser.send(url)
      assert.deepStrictEqual(
        [first.status, first.headers.get("location")],
        [303, `/login?return_to=${encodeURIComponent(url)}`]
      )
      assertSafe(first)
      const page = yield* browser.send(first.headers.get("location") ?? "")
      assert.deepStrictEqual([page.status, pageTitle(page)], [200, "Sign in"])
      assertSafe(page, "'self' https://app.example")
      const entered = yield* browser.post("/login", { ...browser.hidden(page.text), email: user.email, password })
      assert.deepStrictEqual([entered.status, entered.headers.get("location")], [303, url])
      const consent = yield* browser.send(url)
      assert.deepStrictEqual([consent.status, pageTitle(consent)], [200, "Allow Some app to use your account?"])
      assertSafe(consent, "'self' https://app.example")
      assert.include(consent.text, "app.example")
      assert.include(consent.text, user.email)
      assert.notInclude(consent.text, "Unverified")
    })
  )

  it.effect("send the browser back with a code, the state and the issuer, keeping the callback's query", () =>
    Effect.gen(function* () {
      const registered = `${callback}?tenant=1`
      const { browser, form, gateway } = yield* asked({ redirect_uri: registered }, { redirect_uris: [registered] })
      const answer = yield* browser.post("/authorize", { ...form, decision: "approve" })
      assert.strictEqual(answer.status, 303)
      assertSafe(answer)
      const back = location(answer)
      assert.isTrue(back.href.startsWith(`${registered}&code=`))
      assert.match(back.searchParams.get("code") ?? "", /^[0-9a-f]{64}$/)
      assert.strictEqual(back.searchParams.get("state"), "some state")
      assert.strictEqual(back.searchParams.get("iss"), gateway.url)
    })
  )

  it.effect("send the browser back with access_denied where the user says no", () =>
    Effect.gen(function* () {
      const { browser, form, gateway } = yield* asked()
      const back = location(yield* browser.post("/authorize", { ...form, decision: "deny" }))
      assert.strictEqual(back.origin + back.pathname, callback)
      assert.deepStrictEqual(
        ["error", "state", "iss", "code"].map((name) => back.searchParams.get(name)),
        ["access_denied", "some state", gateway.url, null]
      )
    })
  )

  it.effect("take no answer for a yes but the one", () =>
    Effect.gen(function* () {
      for (const decision of ["Approve", "yes", "approve "]) {
        const { browser, form } = yield* asked()
        const back = location(yield* browser.post("/authorize", { ...form, decision }))
        assert.strictEqual(back.searchParams.get("error"), "access_denied")
      }
    })
  )

  it.effect("ask once, and again for more", () =>
    Effect.gen(function* () {
      const { browser, client, form } = yield* asked({ scope: "inference" })
      yield* browser.post("/authorize", { ...form, decision: "approve" })
      const again = yield* browser.send(authorizeUrl(client.id, { scope: "inference" }))
      assert.isNotNull(location(again).searchParams.get("code"))
      assert.strictEqual((yield* browser.send(authorizeUrl(client.id))).status, 200)
      assert.strictEqual((yield* browser.send(authorizeUrl(client.id, { prompt: "consent" }))).status, 200)
      const silent = yield* browser.send(authorizeUrl(client.id, { prompt: "none" }))
      assert.strictEqual(location(silent).searchParams.get("error"), "consent_required")
      const login = yield* browser.send(authorizeUrl(client.id, { scope: "inference", prompt: "login" }))
      assert.isTrue(login.headers.get("location")?.startsWith("/login?"))
      assert.strictEqual(pageTitle(yield* browser.send(login.headers.get("location") ?? "")), "Sign in")
    })
  )

  it.effect("answer a client that wants no questions and has no session: login_required", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const client = yield* makeClient(gateway)
      const answer = yield* new WebBrowser(gateway).send(authorizeUrl(client.id, { prompt: "none" }))
      assert.strictEqual(answer.status, 303)
      assert.strictEqual(location(answer).searchParams.get("error"), "login_required")
    })
  )

  it.effect("refuse on a page, without a redirect and without a word of what was sent", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const client = yield* makeClient(gateway)
      const attack = "https://evil.example/<script>alert(1)</script>"
      for (const url of [
        authorizeUrl("nobody<script>"),
        authorizeUrl(client.id, { redirect_uri: attack }),
        authorizeUrl(client.id, { redirect_uri: undefined }),
        `${authorizeUrl(client.id)}&redirect_uri=${encodeURIComponent(attack)}`,
        `${authorizeUrl(client.id)}&client_id=${client.id}`
      ]) {
        const answer = yield* new WebBrowser(gateway).send(url)
        assert.deepStrictEqual([answer.status, answer.headers.get("location")], [400, null])
        assert.notInclude(answer.text, "<script")
        assert.notInclude(answer.text, "evil.example")
        assertSafe(answer)
      }
    })
  )

  for (const [what, changes, error] of [
    ["response_type token", { response_type: "token" }, "unsupported_response_type"],
    ["no challenge", { code_challenge: undefined }, "invalid_request"],
    ["the method plain", { code_challenge_method: "plain" }, "invalid_request"],
    ["an unknown scope", { scope: "admin" }, "invalid_scope"],
    ["another resource", { resource: "https://other.example" }, "invalid_target"]
  ] as const) {
    it.effect(`tell the client of ${what}, whether it came by GET or by POST`, () =>
      Effect.gen(function* () {
        const gateway = yield* OAuthGateway
        const client = yield* makeClient(gateway)
        const url = authorizeUrl(client.id, changes)
        const byGet = yield* new WebBrowser(gateway).send(url)
        const fields = Object.fromEntries(new URLSearchParams(url.slice("/authorize?".length)))
        const byPost = yield* new WebBrowser(gateway).post("/authorize", fields)
        assert.strictEqual(byGet.headers.get("location"), byPost.headers.get("location"))
        for (const answer of [byGet, byPost]) {
          assert.strictEqual(answer.status, 303)
          const back = location(answer)
          assert.deepStrictEqual(
            ["error", "state", "iss"].map((name) => back.searchParams.get(name)),
            [error, "some state", gateway.url]
          )
        }
      })
    )
  }

  it.effect("take an authorization request by POST, to the same end", () =>
    Effect.gen(function* () {
      const { browser, client } = yield* asked()
      const fields = Object.fromEntries(new URLSearchParams(authorizeUrl(client.id).slice("/authorize?".length)))
      const page = yield* browser.post("/authorize", fields)
      const back = location(yield* browser.post("/authorize", { ...browser.hidden(page.text), decision: "approve" }))
      assert.isNotNull(back.searchParams.get("code"))
    })
  )

  it.effect("hand a state back as it came", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const client = yield* makeClient(gateway)
      const url = authorizeUrl(client.id, { prompt: "none", state: undefined })
      for (const state of [
        "%25",
        "a+b",
        "%D1%8F",
        "%7B%22a%22%3A1%7D",
        "%FF",
        "%0d%0aSet-Cookie:x",
        "x".repeat(2048)
      ]) {
        const answer = yield* new WebBrowser(gateway).send(`${url}&state=${state}`)
        assert.isTrue(answer.headers.get("location")?.endsWith(`&state=${state}`), state)
      }
      assert.isFalse((yield* new WebBrowser(gateway).send(url)).headers.get("location")?.includes("state="))
    })
  )

  it.effect("hold to what was asked, whatever the form says", () =>
    Effect.gen(function* () {
      const { browser, client, form, gateway } = yield* asked({ scope: "inference" })
      const other = yield* makeClient(gateway)
      const tampered = { client_id: other.id, scope: "inference keys", redirect_uri: "https://evil.example" }
      const back = location(yield* browser.post("/authorize", { ...form, ...tampered, decision: "approve" }))
      assert.strictEqual(back.origin + back.pathname, callback)
      const code = back.searchParams.get("code") ?? ""
      const { json: token } = yield* postForm(gateway, "/token", tokenFields(client, code))
      assert.strictEqual(token.scope, "inference")
    })
  )

  it.effect("take an answer once, and only in the session that was asked", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* asked(), yield* asked()]
      const stolen = { ...other.form, request: one.form["request"] ?? "", decision: "approve" }
      const foreign = yield* other.browser.post("/authorize", stolen)
      assert.deepStrictEqual([foreign.status, foreign.headers.get("location")], [400, null])
      const answer = { ...one.form, decision: "approve" }
      assert.strictEqual((yield* one.browser.post("/authorize", answer)).status, 303)
      const again = yield* one.browser.post("/authorize", answer)
      assert.deepStrictEqual([again.status, again.headers.get("location")], [400, null])
      assertSafe(again)
    })
  )

  it.effect("are in Russian for whoever prefers it", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      for (const [wanted, title] of [
        ["ru", "Вход"],
        ["ru-RU,ru;q=0.9,en;q=0.8", "Вход"],
        ["en-GB,ru;q=0.5", "Sign in"],
        ["en;q=0.5, ru;q=0.9", "Вход"],
        ["ru;q=0, de", "Sign in"],
        ["de", "Sign in"],
        ["", "Sign in"]
      ] as const) {
        const answer = yield* gateway.request("/login", { headers: { "accept-language": wanted } })
        assert.strictEqual(pageTitle(answer), title, wanted)
      }
    })
  )

  it.effect("warn of a client that has registered itself, and escape its name", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const user = yield* makeUser(gateway)
      const { json: client } = yield* gateway.request("/register", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ redirect_uris: [callback], client_name: `<img src=x onerror="alert(1)">` })
      })
      const browser = new WebBrowser(gateway)
      yield* browser.signIn(user.email)
      const page = yield* browser.send(authorizeUrl(client.client_id, { scope: undefined }))
      assert.include(page.text, "Unverified")
      assert.include(page.text, "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;")
      assert.notInclude(page.text, "<img")
    })
  )
})
