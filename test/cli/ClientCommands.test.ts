import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { startGateway } from "../support/Gateway.ts"
import { type Ran, run } from "./running.ts"

class Xrouter extends Context.Service<Xrouter, (line: string) => Effect.Effect<Ran>>()("test/ClientCommands/Xrouter") {}

const command = Layer.effect(
  Xrouter,
  Effect.map(
    startGateway(),
    ({ adminKey, url }) =>
      (line: string) =>
        run({ XROUTER_URL: url, XROUTER_ADMIN_KEY: adminKey }, line)
  )
)

layer(command, { excludeTestServices: true })("xrouter clients", (it) => {
  it.effect("are made with a secret that is shown once, changed, shown and deleted", () =>
    Effect.gen(function* () {
      const xrouter = yield* Xrouter
      assert.include((yield* xrouter("clients list")).err, "There are no clients")
      const uri = "--redirect-uri https://app.example/cb"
      const made = yield* xrouter(`clients create Web ${uri} --scope inference --scope keys`)
      assert.match(made.out, /^[0-9a-f]{64}$/)
      const [id = ""] = /client_[0-9a-z]{26}/.exec(made.err) ?? []
      const listed = yield* xrouter("clients list")
      for (const text of [id, "Web", "confidential", "inference, keys"]) assert.include(listed.out, text)
      assert.notInclude(listed.out, made.out)
      const changed = yield* xrouter(`clients update ${id} --name Renamed --scope inference --json`)
      assert.deepInclude(JSON.parse(changed.out), {
        client_id: id,
        name: "Renamed",
        scopes: ["inference"],
        redirect_uris: ["https://app.example/cb"]
      })
      assert.include((yield* xrouter(`clients show ${id}`)).out, "https://app.example/cb")
      assert.include((yield* xrouter(`clients delete ${id}`)).err, "its tokens are revoked")
      const gone = yield* xrouter(`clients show ${id}`)
      assert.deepInclude(gone, { ok: false, out: "" })
      assert.include(gone.err, "There is no such client")
    })
  )

  it.effect("that can keep no secret have none", () =>
    Effect.gen(function* () {
      const xrouter = yield* Xrouter
      const made = yield* xrouter("clients create Desktop --redirect-uri http://127.0.0.1/cb --public")
      assert.match(made.out, /^client_[0-9a-z]{26}$/)
      const told = JSON.parse((yield* xrouter(`clients show ${made.out} --json`)).out)
      assert.deepInclude(told, { confidential: false, scopes: ["inference"] })
    })
  )

  it.effect("are refused with what is wrong of them", () =>
    Effect.gen(function* () {
      const xrouter = yield* Xrouter
      const refused = yield* xrouter("clients create Web --redirect-uri http://public.example/cb")
      assert.isFalse(refused.ok)
      assert.include(refused.err, "only 127.0.0.1, [::1] and localhost")
      assert.include((yield* xrouter("clients create Web")).err, "1 to 20 URIs")
    })
  )
})
