import { Context, Effect, Layer, Redacted } from "effect"
import { hash, randomBytes } from "node:crypto"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import { freePort } from "../support/Redis.ts"

/** A gateway with an authorization server, at the URL that it says it has. */
export const startOAuthGateway = Effect.fnUntraced(function* (settings: Partial<SettingsValue> = {}) {
  const port = settings.port ?? (yield* freePort)
  return yield* startGateway({
    port,
    publicUrl: `http://127.0.0.1:${port}`,
    jwtSecrets: [{ kid: "k1", secret: Redacted.make(randomBytes(32).toString("base64")) }],
    clientRegistration: "open",
    ...settings
  })
})

/** One for all tests of a suite. */
export class OAuthGateway extends Context.Service<OAuthGateway, TestGateway>()("test/OAuthGateway") {
  static readonly layer = (settings?: Partial<SettingsValue>) => Layer.effect(OAuthGateway, startOAuthGateway(settings))
}

export const password = "a password of the tests"

export const makeUser = Effect.fnUntraced(function* (gateway: TestGateway) {
  const email = `${crypto.randomUUID()}@example.org`
  const { json } = yield* gateway.admin("POST", "/users", { email, password, tier: "enterprise" })
  return { id: String(json.id), email }
})

export const callback = "https://app.example/callback"

export const makeClient = Effect.fnUntraced(function* (gateway: TestGateway, options: object = {}) {
  const answer = yield* gateway.admin("POST", "/clients", {
    name: "Some app",
    redirect_uris: [callback],
    scopes: ["inference", "keys"],
    ...options
  })
  if (answer.status !== 201) return yield* Effect.die(new Error(answer.text))
  return { id: String(answer.json.client_id), secret: String(answer.json.client_secret ?? "") }
})

/** A browser without a window: it keeps cookies, goes where it is sent within the gateway, and fills in forms. */
export class WebBrowser {
  readonly cookies = new Map<string, string>()
  readonly #gateway: TestGateway

  constructor(gateway: TestGateway) {
    this.#gateway = gateway
  }

  readonly send = (path: string, init: RequestInit = {}) => {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ")
    const headers = { ...(cookie === "" ? {} : { cookie }), ...init.headers }
    return Effect.tap(this.#gateway.request(path, { redirect: "manual", ...init, headers }), ({ headers }) =>
      Effect.sync(() => {
        for (const line of headers.getSetCookie()) {
          const [pair = ""] = line.split(";")
          const [name = "", value = ""] = pair.split("=")
          if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) this.cookies.delete(name)
          else this.cookies.set(name, value)
        }
      })
    )
  }

  readonly post = (path: string, fields: Readonly<Record<string, string>>, headers: Record<string, string> = {}) =>
    this.send(path, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      body: new URLSearchParams(fields).toString()
    })

  /** What the form of a page has already, which is sent along. */
  readonly hidden = (page: string): Record<string, string> =>
    Object.fromEntries(
      [...page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)" ?\/?>/g)].map(
        ([, name = "", value = ""]) => [
          name,
          value.replaceAll("&amp;", "&").replaceAll("&#39;", "'").replaceAll("&quot;", '"')
        ]
      )
    )

  readonly signIn = Effect.fnUntraced(
    { self: this },
    function* (this: WebBrowser, email: string, path = "/login", given = password) {
      const page = yield* this.send(path)
      return yield* this.post("/login", { ...this.hidden(page.text), email, password: given })
    }
  )

  /** To the client's callback, by way of the pages; the answer's last `Location`. */
  readonly authorize = Effect.fnUntraced(
    { self: this },
    function* (this: WebBrowser, url: string, email: string, decision: "approve" | "deny" = "approve") {
      const { pathname, search } = new URL(url, this.#gateway.url)
      let answer = yield* this.send(pathname + search)
      if (answer.headers.get("location")?.startsWith("/login") === true) {
        const signedIn = yield* this.signIn(email, answer.headers.get("location") ?? "")
        answer = yield* this.send(signedIn.headers.get("location") ?? "")
      }
      if (answer.status === 200) {
        answer = yield* this.post("/authorize", { ...this.hidden(answer.text), decision })
      }
      return new URL(answer.headers.get("location") ?? "none:")
    }
  )
}

export const verifier = randomBytes(32).toString("base64url")

export const authorizeUrl = (clientId: string, changes: Readonly<Record<string, string | undefined>> = {}) => {
  const parameters = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: callback,
    code_challenge: hash("sha256", verifier, "base64url"),
    code_challenge_method: "S256",
    scope: "inference keys",
    state: "some state",
    ...changes
  }
  const sent = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return `/authorize?${new URLSearchParams(sent).toString()}`
}

type Form = Readonly<Record<string, string>>

export const postForm = (gateway: TestGateway, path: string, fields: Form, headers: Record<string, string> = {}) =>
  gateway.request(path, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(fields).toString()
  })

export const tokenFields = (client: { readonly id: string; readonly secret: string }, code: string): Form => ({
  grant_type: "authorization_code",
  client_id: client.id,
  ...(client.secret === "" ? {} : { client_secret: client.secret }),
  code,
  redirect_uri: callback,
  code_verifier: verifier
})

/** A code of a user in a browser of its own. */
export const makeCode = Effect.fnUntraced(function* (gateway: TestGateway, clientId: string, changes = {}) {
  const user = yield* makeUser(gateway)
  const browser = new WebBrowser(gateway)
  const back = yield* browser.authorize(authorizeUrl(clientId, changes), user.email)
  return { code: back.searchParams.get("code") ?? "", user, browser }
})

export const makeToken = Effect.fnUntraced(function* (gateway: TestGateway, changes = {}) {
  const client = yield* makeClient(gateway)
  const { browser, code, user } = yield* makeCode(gateway, client.id, changes)
  const answer = yield* postForm(gateway, "/token", tokenFields(client, code))
  return { browser, client, code, user, token: String(answer.json.access_token) }
})

/** What `/v1/models` says to a token. */
export const use = (gateway: TestGateway, token: string) =>
  Effect.map(
    gateway.request("/v1/models", { headers: { authorization: `Bearer ${token}` } }),
    ({ json, status }): string | number => (status === 200 ? status : json.error.details.reason)
  )
