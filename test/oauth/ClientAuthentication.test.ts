import { assert, layer } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { OAuthError } from "../../src/oauth/OAuthError.ts"
import { hashSecret } from "../../src/oauth/Secret.ts"
import { TokenRequests } from "../../src/oauth/TokenRequests.ts"
import { exchanging, oauthEngines, type query, someClient, someCode } from "./authorizing.ts"

const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => (error instanceof OAuthError ? error.error : assert.fail(String(error))))

const exchange = (...request: Parameters<typeof exchanging>) =>
  Effect.flatMap(TokenRequests, (requests) => requests.exchange(exchanging(...request)))

const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`

for (const [engine, oauth] of oauthEngines) {
  layer(oauth)(`A client at the token endpoint on ${engine}`, (it) => {
    const asking = Effect.fnUntraced(function* (
      client: Effect.Success<ReturnType<typeof someClient>>,
      options: { readonly authorization?: string; readonly changes?: Parameters<typeof query>[0] }
    ) {
      const { code } = yield* someCode(client.client.id)
      const { parameters } = exchanging(client, code, options.changes)
      return yield* (yield* TokenRequests).exchange({
        authorization: options.authorization,
        address: "192.0.2.7",
        parameters
      })
    })
    const inHeader = { client_id: undefined, client_secret: undefined }

    it.effect("may send its secret in the header or in the body", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const { id } = client.client
        yield* asking(client, {})
        yield* asking(client, { authorization: basic(id, client.secret ?? ""), changes: inHeader })
        const again = { ...inHeader, client_id: id }
        yield* asking(client, { authorization: basic(id, client.secret ?? "").replace("B", "b"), changes: again })
      })
    )

    it.effect("may encode what it sends in the header, or not", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const client = yield* someClient()
        const { id } = client.client
        const secret = "s-ec.ret_~1%41+&="
        yield* sql`UPDATE oauth_clients SET secret_hash = ${hashSecret(secret)} WHERE id = ${id}`
        const encoded = "s%2Dec%2Eret%5F%7E1%2541%2B%26%3D"
        yield* asking(client, { authorization: basic(id, secret), changes: inHeader })
        yield* asking(client, { authorization: basic(id.replace("_", "%5F"), encoded), changes: inHeader })
      })
    )

    const refusals: ReadonlyArray<
      readonly [
        what: string,
        options: (id: string, secret: string) => Parameters<typeof asking>[1],
        error: OAuthError["error"]
      ]
    > = [
      ["a wrong secret in the body", () => ({ changes: { client_secret: "x" } }), "invalid_client"],
      [
        "a wrong secret in the header",
        (id) => ({ authorization: basic(id, "x"), changes: inHeader }),
        "invalid_client"
      ],
      ["no secret", () => ({ changes: { client_secret: undefined } }), "invalid_client"],
      ["an empty secret", () => ({ changes: { client_secret: "" } }), "invalid_client"],
      ["no id", () => ({ changes: inHeader }), "invalid_client"],
      ["the id of nobody", () => ({ changes: { client_id: "client_01arz3ndektsv4rrffq69g5fav" } }), "invalid_client"],
      ["a bearer token in the header", () => ({ authorization: "Bearer x", changes: inHeader }), "invalid_client"],
      ["a header that is no base64", () => ({ authorization: "Basic {}", changes: inHeader }), "invalid_client"],
      ["a header without a colon", () => ({ authorization: "Basic YWJj", changes: inHeader }), "invalid_client"],
      ["an assertion", () => ({ changes: { client_assertion: "eyJ" } }), "invalid_client"],
      ["header and body at once", (id, secret) => ({ authorization: basic(id, secret) }), "invalid_request"],
      [
        "another id in the body than in the header",
        (id, secret) => ({ authorization: basic(id, secret), changes: { ...inHeader, client_id: "client_x" } }),
        "invalid_request"
      ]
    ]
    for (const [what, options, error] of refusals) {
      it.effect(`with ${what} is refused: ${error}`, () =>
        Effect.gen(function* () {
          const client = yield* someClient()
          assert.strictEqual(yield* refusal(asking(client, options(client.client.id, client.secret ?? ""))), error)
        })
      )
    }

    it.effect("that can keep no secret has none, and may not send one", () =>
      Effect.gen(function* () {
        const client = yield* someClient({ confidential: false })
        assert.isUndefined(client.secret)
        yield* asking(client, {})
        assert.strictEqual(yield* refusal(asking(client, { changes: { client_secret: "x" } })), "invalid_client")
        const authorization = basic(client.client.id, "")
        assert.strictEqual(yield* refusal(asking(client, { authorization, changes: inHeader })), "invalid_client")
      })
    )

    it.effect("that fails too often from one address has to wait there, and only there", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2030, 0, 1))
        const client = yield* someClient()
        const guess = refusal(asking(client, { changes: { client_secret: "guess" } }))
        for (let count = 0; count < 20; count++) assert.strictEqual(yield* guess, "invalid_client")
        assert.strictEqual(yield* guess, "slow_down")
        assert.strictEqual(yield* refusal(asking(client, {})), "slow_down")
        const { code } = yield* someCode(client.client.id)
        yield* exchange(client, code)
        yield* TestClock.adjust(Duration.seconds(2))
        yield* asking(client, {})
      })
    )
  })
}
