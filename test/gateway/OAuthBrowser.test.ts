import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { createServer } from "node:http"
import { Browser, openTab, type Tab } from "../support/Browser.ts"
import type { TestGateway } from "../support/Gateway.ts"
import {
  authorizeUrl,
  makeClient,
  makeToken,
  makeUser,
  password,
  postForm,
  startOAuthGateway,
  tokenFields,
  use
} from "./OAuthGateway.ts"

/** An application of another origin. It takes every path for its callback, but for a page that has one of ours in a frame. */
const startApplication = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly stop: Effect.Effect<void> }>((resume) => {
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://localhost")
      const framed = url.searchParams.get("framed")
      response.setHeader("content-type", "text/html")
      response.end(framed === null ? "<p>This is the application</p>" : `<iframe src="${framed}"></iframe>`)
    })
    server.listen(0, "localhost", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const stop = Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
      resume(Effect.succeed({ url: `http://localhost:${port}`, stop }))
    })
  }),
  ({ stop }) => stop
)

class World extends Context.Service<World, { readonly gateway: TestGateway; readonly application: string }>()(
  "test/OAuthBrowser/World"
) {
  static readonly layer = Layer.effect(
    World,
    Effect.all({
      gateway: startOAuthGateway({ signup: "open" }),
      application: Effect.map(startApplication, ({ url }) => url)
    })
  )
}

const step = <A>(action: () => Promise<A>) => Effect.promise(action)

const enter = async (tab: Tab, email: string, given = password) => {
  await tab.getByLabel("Email").fill(email)
  await tab.getByLabel("Password").fill(given)
  await tab.getByRole("button", { name: "Sign in" }).click()
}

/** A client of the application, and a tab in front of the sign-in that it has sent its user to. */
const sentToSignIn = Effect.fnUntraced(function* (options: Parameters<typeof openTab>[0] = {}) {
  const { application, gateway } = yield* World
  const callback = `${application}/callback`
  const [client, user] = [yield* makeClient(gateway, { redirect_uris: [callback] }), yield* makeUser(gateway)]
  const tab = yield* openTab(options)
  yield* step(() => tab.goto(gateway.url + authorizeUrl(client.id, { redirect_uri: callback })))
  return { application, callback, client, gateway, tab, user }
})

layer(Layer.merge(World.layer, Browser.layer), { excludeTestServices: true, timeout: "5 minutes" })(
  "In a real browser",
  (it) => {
    it.effect("a user signs in, allows, and is back at the application, which has no use of scripts", () =>
      Effect.gen(function* () {
        const { callback, client, gateway, tab, user } = yield* sentToSignIn({ javaScriptEnabled: false })
        yield* step(() => enter(tab, user.email))
        yield* step(() => tab.getByRole("heading", { name: "Allow Some app to use your account?" }).waitFor())
        assert.include(yield* step(() => tab.locator("main").innerText()), new URL(callback).host)
        yield* step(() => tab.getByRole("button", { name: "Allow" }).click())
        yield* step(() => tab.getByText("This is the application").waitFor())
        const back = new URL(tab.url())
        assert.strictEqual(back.origin + back.pathname, callback)
        assert.strictEqual(back.searchParams.get("state"), "some state")
        const fields = { ...tokenFields(client, back.searchParams.get("code") ?? ""), redirect_uri: callback }
        const { json } = yield* postForm(gateway, "/token", fields)
        assert.strictEqual(yield* use(gateway, json.access_token), 200)
      })
    )

    it.effect("a user who is known already gets from the password to the application in one go", () =>
      Effect.gen(function* () {
        const { callback, client, gateway, tab, user } = yield* sentToSignIn()
        yield* step(() => enter(tab, user.email))
        yield* step(() => tab.getByRole("button", { name: "Allow" }).click())
        yield* step(() => tab.context().clearCookies())
        yield* step(() => tab.goto(gateway.url + authorizeUrl(client.id, { redirect_uri: callback })))
        yield* step(() => enter(tab, user.email))
        // The redirects after the form lead to another origin, which the sign-in page's policy has to know.
        yield* step(() => tab.getByText("This is the application").waitFor())
        assert.isTrue(new URL(tab.url()).searchParams.has("code"))
      })
    )

    it.effect(
      "a user who has mistyped the password is told, and whoever says no is back at the application as well",
      () =>
        Effect.gen(function* () {
          const { callback, tab, user } = yield* sentToSignIn()
          yield* step(() => enter(tab, user.email, "a password of nobody"))
          assert.include(yield* step(() => tab.getByRole("alert").innerText()), "do not belong together")
          assert.strictEqual(yield* step(() => tab.getByLabel("Email").inputValue()), user.email)
          yield* step(() => enter(tab, user.email))
          yield* step(() => tab.getByRole("button", { name: "Deny" }).click())
          yield* step(() => tab.getByText("This is the application").waitFor())
          const back = new URL(tab.url())
          assert.strictEqual(back.origin + back.pathname, callback)
          assert.deepStrictEqual(
            [back.searchParams.get("error"), back.searchParams.has("code")],
            ["access_denied", false]
          )
        })
    )

    it.effect("a user takes back a token, an application and a key in the account, and signs out", () =>
      Effect.gen(function* () {
        const { gateway } = yield* World
        const { browser, client, token, user } = yield* makeToken(gateway)
        const again = yield* browser.authorize(authorizeUrl(client.id), user.email)
        const code = again.searchParams.get("code") ?? ""
        const tokens = [token, (yield* postForm(gateway, "/token", tokenFields(client, code))).json.access_token]
        const states = Effect.forEach(tokens, (token) => use(gateway, token))
        const key = yield* gateway.admin("POST", "/keys", { user_id: user.id, name: "laptop" })
        const tab = yield* openTab()
        const press = Effect.fnUntraced(function* (name: RegExp) {
          const buttons = tab.getByRole("button", { name })
          const count = yield* step(() => buttons.count())
          yield* step(() => Promise.all([tab.waitForEvent("load"), buttons.first().click()]))
          assert.strictEqual(yield* step(() => buttons.count()), count - 1)
        })
        yield* step(() => tab.goto(`${gateway.url}/account`).then(() => enter(tab, user.email)))
        yield* step(() => tab.getByRole("heading", { name: "Your account" }).waitFor())
        yield* press(/^Revoke: Issued/)
        assert.sameMembers(yield* states, [200, "token_revoked"])
        yield* press(/^Take back access: Some app$/)
        assert.deepStrictEqual(yield* states, ["token_revoked", "token_revoked"])
        yield* press(/^Revoke: laptop$/)
        assert.strictEqual((yield* gateway.admin("GET", `/keys/${key.json.id}`)).status, 404)
        yield* step(() => tab.getByRole("button", { name: "Sign out" }).click())
        yield* step(() => tab.getByRole("heading", { name: "Sign in" }).waitFor())
        yield* step(() => tab.goto(`${gateway.url}/account`))
        assert.strictEqual(new URL(tab.url()).pathname, "/login")
      })
    )

    it.effect("no page of ours appears in a frame of another's, whose own pages do", () =>
      Effect.gen(function* () {
        const { application, gateway } = yield* World
        const client = yield* makeClient(gateway)
        const tab = yield* openTab()
        const framed = (url: string) => `${application}/?framed=${encodeURIComponent(url)}`
        const inFrame = Effect.fnUntraced(function* (url: string) {
          yield* step(() => tab.goto(framed(url)))
          assert.strictEqual(tab.frames().length, 2)
          return yield* step(async () => (await tab.frames()[1]?.content()) ?? "")
        })
        assert.include(yield* inFrame(`${application}/inner`), "This is the application")
        for (const path of [authorizeUrl(client.id), "/authorize?client_id=nobody"]) {
          assert.notInclude(yield* inFrame(gateway.url + path), "XRouter", path)
        }
      })
    )

    for (const [language, words] of [
      ["en", { consent: "Allow", account: "Your account", error: "This did not work" }],
      ["ru", { consent: "Разрешить", account: "Учётная запись", error: "Не получилось" }]
    ] as const) {
      it.effect(`every page fits a small phone, in ${language}`, () =>
        Effect.gen(function* () {
          const phone = { viewport: { width: 320, height: 568 }, isMobile: true, hasTouch: true, locale: language }
          const { gateway, tab, user } = yield* sentToSignIn(phone)
          const name = "An-application-with-one-very-long-word-for-a-name-that-no-phone-has-the-width-for"
          const { application } = yield* World
          const callback = `${application}/callback`
          const long = yield* makeClient(gateway, { name, redirect_uris: [callback] })
          yield* gateway.admin("POST", "/keys", { user_id: user.id, name: name.repeat(2) })
          const assertFits = Effect.fnUntraced(function* (page: string) {
            const wide = yield* step(() => tab.evaluate<number>("document.documentElement.scrollWidth"))
            assert.isAtMost(wide, 320, page)
            assert.strictEqual(yield* step(() => tab.evaluate<string>("document.documentElement.lang")), language)
            const small = yield* step(() =>
              tab.evaluate<number>(
                `[...document.querySelectorAll("button, input:not([type=hidden])")].filter((e) => e.offsetHeight < 24).length`
              )
            )
            assert.strictEqual(small, 0, `${page} has something too small for a finger`)
          })
          yield* assertFits("sign-in")
          const signIn = tab.url()
          yield* step(() => tab.locator("a[href^='/signup']").click())
          yield* step(() => tab.locator("#password-rule").waitFor())
          yield* assertFits("sign-up")
          yield* step(() => tab.goto(signIn))
          yield* step(async () => {
            await tab.locator("[name=email]").fill(user.email)
            await tab.locator("[name=password]").fill(password)
            await tab.locator("button[type=submit]").click()
            await tab.goto(gateway.url + authorizeUrl(long.id, { redirect_uri: callback }))
          })
          yield* assertFits("consent")
          yield* step(async () => {
            await tab.getByRole("button", { name: words.consent }).click()
            await tab.getByText("This is the application").waitFor()
            await tab.goto(`${gateway.url}/account`)
            await tab.getByRole("heading", { name: words.account }).waitFor()
          })
          yield* assertFits("account")
          yield* step(async () => {
            await tab.goto(gateway.url + authorizeUrl("nobody"))
            await tab.getByRole("heading", { name: words.error }).waitFor()
          })
          yield* assertFits("error")
        })
      )
    }
  }
)
