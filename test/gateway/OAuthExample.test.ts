import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { startChild } from "../support/Child.ts"
import { makeClient, makeUser, startOAuthGateway, WebBrowser } from "./OAuthGateway.ts"

const file = fileURLToPath(new URL("../../examples/oauth-pkce.mjs", import.meta.url))

const run = Effect.fnUntraced(function* (url: string, args: ReadonlyArray<string> = []) {
  return yield* startChild(process.execPath, [file, ...args], { cwd: "/", environment: { XROUTER_URL: url } })
})

describe("examples/oauth-pkce.mjs", () => {
  for (const [how, isRegistered] of [
    ["with a client of the administrator's", true],
    ["with a client that it registers", false]
  ] as const) {
    it.live(`signs its user in and calls the API, ${how}`, () =>
      Effect.gen(function* () {
        const gateway = yield* startOAuthGateway({ clientRegistration: isRegistered ? "closed" : "open" })
        const user = yield* makeUser(gateway)
        const client = yield* makeClient(gateway, {
          redirect_uris: ["http://127.0.0.1/callback"],
          confidential: false
        })
        const child = yield* run(gateway.url, isRegistered ? [client.id] : [])
        const [url = ""] = (yield* child.printed(/^http\S+\n/m)).match(/^http\S+/m) ?? []
        const back = yield* new WebBrowser(gateway).authorize(url, user.email)
        yield* Effect.promise(() => fetch(back))
        const { code, err, out } = yield* child.ended
        assert.strictEqual(code, 0, err)
        assert.match(out, /^Models: sandbox\//m)
      }).pipe(Effect.scoped)
    )
  }

  it.live("takes no answer that is not to its question, and says what the user has said", () =>
    Effect.gen(function* () {
      const gateway = yield* startOAuthGateway()
      const user = yield* makeUser(gateway)
      const [one, other] = [yield* run(gateway.url), yield* run(gateway.url)]
      const urls = yield* Effect.forEach([one, other], ({ printed }) =>
        Effect.map(printed(/^http\S+\n/m), (out) => out.match(/^http\S+/m)?.[0] ?? "")
      )
      const denied = yield* new WebBrowser(gateway).authorize(urls[0] ?? "", user.email, "deny")
      const port = new URL(new URL(urls[1] ?? "").searchParams.get("redirect_uri") ?? "").port
      yield* Effect.promise(() => fetch(denied))
      denied.port = port
      yield* Effect.promise(() => fetch(denied))
      assert.match((yield* one.ended).err, /access_denied: The user has denied access/)
      assert.match((yield* other.ended).err, /This answer is not ours/)
    }).pipe(Effect.scoped)
  )
})
