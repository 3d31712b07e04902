import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { asked, assertSafe } from "./OAuthConsentPage.ts"
import { makeToken, makeUser, password, OAuthGateway, use, WebBrowser } from "./OAuthGateway.ts"

layer(OAuthGateway.layer(), { excludeTestServices: true })("A browser's session", (it) => {
  const forgeries: ReadonlyArray<
    readonly [what: string, fields: Record<string, string>, headers: Record<string, string>]
  > = [
    ["without a token", { csrf: "" }, {}],
    ["with a token of another session", { csrf: "x".repeat(43) }, {}],
    ["from another origin", {}, { origin: "https://evil.example" }],
    ["from another site, as the browser says", {}, { "sec-fetch-site": "cross-site" }],
    ["from a neighbouring host, as the browser says", {}, { "sec-fetch-site": "same-site" }]
  ]
  for (const [what, fields, headers] of forgeries) {
    it.effect(`take no form ${what}`, () =>
      Effect.gen(function* () {
        const { browser, form, gateway, user } = yield* asked()
        const stranger = new WebBrowser(gateway)
        const login = stranger.hidden((yield* stranger.send("/login")).text)
        const { token } = yield* makeToken(gateway)
        for (const [who, path, good] of [
          [stranger, "/login", { ...login, email: user.email, password }],
          [browser, "/authorize", { ...form, decision: "approve" }],
          [browser, "/account", { ...form, kind: "client", id: "x" }],
          [browser, "/logout", form]
        ] as const) {
          const answer = yield* who.post(path, { ...good, ...fields }, headers)
          assert.deepStrictEqual([path, answer.status, answer.headers.get("location")], [path, 403, null])
          assert.strictEqual(answer.headers.getSetCookie().length, 0)
          assertSafe(answer)
        }
        assert.strictEqual((yield* browser.send("/account")).status, 200)
        assert.strictEqual(yield* use(gateway, token), 200)
      })
    )
  }

  it.effect("take a form whose page may not say where it is", () =>
    Effect.gen(function* () {
      for (const headers of [
        { origin: "null", "sec-fetch-site": "same-origin" },
        { origin: "null" },
        { "sec-fetch-site": "same-origin" }
      ]) {
        const { browser, form } = yield* asked()
        assert.strictEqual((yield* browser.post("/authorize", { ...form, decision: "deny" }, headers)).status, 303)
      }
    })
  )

  it.effect("give a new cookie to whoever signs in, which scripts and other sites do not get", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const [user, browser] = [yield* makeUser(gateway), new WebBrowser(gateway)]
      const planted = "ab".repeat(32)
      browser.cookies.set("sid", planted)
      const entered = yield* browser.signIn(user.email)
      assert.strictEqual(entered.headers.get("location"), "/account")
      const [cookie = ""] = entered.headers.getSetCookie()
      assert.match(cookie, /^sid=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Lax$/)
      assert.notInclude(cookie, planted)
      const fixed = new WebBrowser(gateway)
      fixed.cookies.set("sid", planted)
      assert.strictEqual((yield* fixed.send("/account")).status, 303)
    })
  )

  for (const target of [
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://evil.example/",
    "%2f%2fevil.example",
    "/%09/evil.example",
    "javascript:alert(1)"
  ]) {
    it.effect(`lead nobody away to ${target}`, () =>
      Effect.gen(function* () {
        const gateway = yield* OAuthGateway
        const [user, browser] = [yield* makeUser(gateway), new WebBrowser(gateway)]
        const path = `/login?return_to=${encodeURIComponent(target)}`
        const page = yield* browser.send(path)
        assert.notProperty(browser.hidden(page.text), "return_to")
        const fields = { ...browser.hidden(page.text), return_to: target, email: user.email, password }
        assert.strictEqual((yield* browser.post("/login", fields)).headers.get("location"), "/account")
        assert.strictEqual((yield* browser.send(path)).headers.get("location"), "/account")
      })
    )
  }

  it.effect("say the same of a wrong password and of an unknown user, and let one wait who guesses", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const user = yield* makeUser(gateway)
      const browser = new WebBrowser(gateway)
      const wrong = yield* browser.signIn(user.email, "/login", "wrong")
      const unknown = yield* browser.signIn("nobody@example.org", "/login", "wrong")
      assert.deepStrictEqual([wrong.status, unknown.status], [401, 401])
      assert.strictEqual(wrong.text.replace(user.email, ""), unknown.text.replace("nobody@example.org", ""))
      assert.notInclude(wrong.text, 'value="wrong"')
      assertSafe(wrong)
      let last = wrong
      for (let count = 0; count < 10 && last.status === 401; count++) {
        last = yield* browser.signIn(user.email, "/login", "wrong")
      }
      assert.strictEqual(last.status, 429)
      assert.match(last.headers.get("retry-after") ?? "", /^\d+$/)
    })
  )

  it.effect("show what has access, and take it away", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const { browser, client, token, user } = yield* makeToken(gateway)
      const { json: key } = yield* gateway.admin("POST", "/keys", { user_id: user.id, name: "<b>laptop</b>" })
      const { json: foreign } = yield* gateway.admin("POST", "/keys", {
        user_id: (yield* makeUser(gateway)).id,
        name: "foreign"
      })
      const account = yield* browser.send("/account")
      assert.strictEqual(account.status, 200)
      assertSafe(account)
      for (const text of ["Some app", user.email, "&lt;b&gt;laptop&lt;/b&gt;", key.prefix])
        assert.include(account.text, text)
      for (const text of ["<b>laptop", "foreign", key.key, token]) assert.notInclude(account.text, text)
      const csrf = browser.hidden(account.text)["csrf"] ?? ""
      const revoke = (kind: string, id: string) => browser.post("/account", { csrf, kind, id })
      assert.strictEqual((yield* revoke("key", foreign.id)).headers.get("location"), "/account")
      assert.strictEqual((yield* gateway.admin("GET", `/keys/${foreign.id}`)).status, 200)
      for (const [kind, id] of [
        ["key", "\0"],
        ["token", "\0"],
        ["client", "\0"],
        ["other", "x"]
      ] as const) {
        assert.strictEqual((yield* revoke(kind, id)).status, 303)
      }
      yield* revoke("key", key.id)
      assert.strictEqual((yield* gateway.admin("GET", `/keys/${key.id}`)).status, 404)
      assert.strictEqual(yield* use(gateway, token), 200)
      yield* revoke("client", client.id)
      assert.strictEqual(yield* use(gateway, token), "token_revoked")
      assert.include((yield* browser.send("/account")).text, "No application has access")
    })
  )

  it.effect("take one token away", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const { browser, token } = yield* makeToken(gateway)
      const page = (yield* browser.send("/account")).text
      const id = /name="id" value="(token_\w+)"/.exec(page)?.[1] ?? ""
      yield* browser.post("/account", { csrf: browser.hidden(page)["csrf"] ?? "", kind: "token", id })
      assert.strictEqual(yield* use(gateway, token), "token_revoked")
    })
  )

  it.effect("sign out, with all that was allowed meanwhile, as often as one likes", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const { browser, token } = yield* makeToken(gateway)
      const form = browser.hidden((yield* browser.send("/account")).text)
      const kept = new WebBrowser(gateway)
      for (const [name, value] of browser.cookies) kept.cookies.set(name, value)
      const left = yield* browser.post("/logout", { csrf: form["csrf"] ?? "" })
      assert.deepStrictEqual([left.status, left.headers.get("location")], [303, "/login"])
      assert.strictEqual(browser.cookies.size, 0)
      assert.strictEqual(yield* use(gateway, token), "token_revoked")
      assert.strictEqual((yield* kept.send("/account")).headers.get("location"), "/login?return_to=%2Faccount")
      assert.strictEqual((yield* kept.post("/logout", { csrf: form["csrf"] ?? "" })).status, 303)
    })
  )
})

layer(OAuthGateway.layer({ publicUrl: "https://ai.example.com/gate" }), {
  excludeTestServices: true
})("Behind TLS", (it) => {
  it.effect("the cookie is the host's own, and paths have the public URL's path", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const [user, browser] = [yield* makeUser(gateway), new WebBrowser(gateway)]
      const page = yield* browser.send("/login")
      assert.include(page.text, 'action="/gate/login"')
      const fields = { ...browser.hidden(page.text), email: user.email, password }
      const entered = yield* browser.post("/login", fields, { origin: "https://ai.example.com" })
      assert.strictEqual(entered.headers.get("location"), "/gate/account")
      assert.match(
        entered.headers.getSetCookie()[0] ?? "",
        /^__Host-sid=[0-9a-f]{64}; Path=\/; HttpOnly; Secure; SameSite=Lax$/
      )
    })
  )
})
