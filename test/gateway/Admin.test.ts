import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { randomBytes } from "node:crypto"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"

class Subject extends Context.Service<Subject, TestGateway>()("Subject") {
  static readonly layer = Layer.effect(Subject, startGateway())
}

const assertRefused = (answer: Answer, status: number, reason: string, param: string | null = null) => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.strictEqual(answer.json.error.details.reason, reason)
  assert.strictEqual(answer.json.error.param, param)
  assert.match(answer.headers.get("x-request-id") ?? "", /^req_/)
}

const someEmail = () => `${randomBytes(6).toString("hex")}@example.com`
const iso = /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

layer(Subject.layer, { excludeTestServices: true })("the admin API", (it) => {
  it.effect("is for the admin key alone", () =>
    Effect.gen(function* () {
      const gateway = yield* Subject
      const asked = (authorization: string | undefined) =>
        gateway.request("/admin/v1/users", authorization === undefined ? {} : { headers: { authorization } })
      assertRefused(yield* asked(undefined), 401, "missing_credentials")
      assertRefused(yield* asked("Basic YTpi"), 401, "missing_credentials")
      assertRefused(yield* asked("Bearer "), 401, "missing_credentials")
      assertRefused(yield* asked(`Bearer ${gateway.adminKey.slice(0, -1)}`), 401, "invalid_api_key")
      assertRefused(yield* asked(`Bearer ${gateway.adminKey}x`), 401, "invalid_api_key")
      assertRefused(yield* asked(`Bearer ${yield* gateway.makeKey()}`), 401, "invalid_api_key")
      const refused = yield* asked(undefined)
      assert.match(refused.headers.get("www-authenticate") ?? "", /^Bearer /)
      assert.strictEqual((yield* asked(`bearer ${gateway.adminKey}`)).status, 200)
    })
  )

  it.effect("creates, shows, changes and deletes users", () =>
    Effect.gen(function* () {
      const { admin } = yield* Subject
      const email = someEmail()
      const created = yield* admin("POST", "/users", { email, password: "correct horse", tier: "pro" })
      assert.strictEqual(created.status, 201)
      const user = created.json
      assert.deepStrictEqual(Object.keys(user).sort(), ["created_at", "email", "id", "tier"])
      assert.match(user.created_at, iso)
      assert.deepStrictEqual((yield* admin("GET", `/users/${user.id}`)).json, user)
      const changed = yield* admin("PATCH", `/users/${user.id}`, { tier: "free", password: null })
      assert.deepStrictEqual(changed.json, { ...user, tier: "free" })
      const deleted = yield* admin("DELETE", `/users/${user.id}`)
      assert.deepStrictEqual([deleted.status, deleted.text], [204, ""])
      for (const method of ["GET", "DELETE"]) assertRefused(yield* admin(method, `/users/${user.id}`), 404, "not_found")
      assertRefused(yield* admin("PATCH", `/users/${user.id}`, {}), 404, "not_found")
    })
  )

  it.effect("creates a key that is in its answer alone, changes and revokes it", () =>
    Effect.gen(function* () {
      const { admin } = yield* Subject
      const user = (yield* admin("POST", "/users", { email: someEmail() })).json
      const created = yield* admin("POST", "/keys", {
        user_id: user.id,
        name: "ci",
        tier: "pro",
        limits: { rpm: 10, rpd: 20, tpm: 30, tpd: 40, concurrency: 5 },
        models: ["sandbox/echo"],
        allowed_ips: ["10.0.0.0/8"],
        expires_at: "2040-01-31T12:00:00+03:00"
      })
      assert.strictEqual(created.status, 201)
      const { key, ...record } = created.json
      assert.match(key, /^xr-pro-[0-9A-Za-z]{22}-[0-9A-Za-z]{6}$/)
      assert.isTrue(key.startsWith(record.prefix))
      assert.deepStrictEqual(record, {
        id: record.id,
        user_id: user.id,
        prefix: record.prefix,
        name: "ci",
        tier: "pro",
        limits: { rpm: 10, rpd: 20, tpm: 30, tpd: 40, concurrency: 5 },
        models: ["sandbox/echo"],
        allowed_ips: ["10.0.0.0/8"],
        created_at: record.created_at,
        expires_at: "2040-01-31T09:00:00.000Z",
        last_used_at: null
      })
      assert.match(record.created_at, iso)
      assert.deepStrictEqual((yield* admin("GET", `/keys/${record.id}`)).json, record)
      const changed = yield* admin("PATCH", `/keys/${record.id}`, {
        name: "cd",
        tier: null,
        limits: { rpm: 7 },
        models: null,
        allowed_ips: null,
        expires_at: null
      })
      assert.deepStrictEqual(changed.json, {
        ...record,
        name: "cd",
        tier: "free",
        limits: { rpm: 7 },
        models: null,
        allowed_ips: null,
        expires_at: null
      })
      assert.strictEqual((yield* admin("DELETE", `/keys/${record.id}`)).status, 204)
      assertRefused(yield* admin("GET", `/keys/${record.id}`), 404, "not_found")
    })
  )

  it.effect("lists in pages, newest first, the keys of one user where that is asked", () =>
    Effect.gen(function* () {
      const { admin } = yield* Subject
      const user = (yield* admin("POST", "/users", { email: someEmail() })).json
      const ids: Array<string> = []
      for (const name of ["a", "b", "c"])
        ids.unshift((yield* admin("POST", "/keys", { user_id: user.id, name })).json.id)
      const seen: Array<string> = []
      let cursor: string | null = ""
      while (cursor !== null) {
        const { data, next_cursor }: { data: ReadonlyArray<{ id: string }>; next_cursor: string | null } =
          (yield* admin("GET", `/keys?user_id=${user.id}&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`)).json
        assert.isAtMost(data.length, 2)
        seen.push(...data.map(({ id }) => id))
        cursor = next_cursor
      }
      assert.deepStrictEqual(seen, ids)
      assert.include((yield* admin("GET", "/users?limit=1")).text, user.id)
    })
  )

  it.effect("tells which field is wrong, and ignores none that it does not know", () =>
    Effect.gen(function* () {
      const { admin } = yield* Subject
      const user = (yield* admin("POST", "/users", { email: someEmail() })).json
      const key = { user_id: user.id, name: "k" }
      const cases: ReadonlyArray<readonly [path: string, body: unknown, param: string | null]> = [
        ["/users", {}, "email"],
        ["/users", { email: 5 }, "email"],
        ["/users", { email: "nobody" }, "email"],
        ["/users", { email: someEmail(), tier: "gold" }, "tier"],
        ["/users", { email: someEmail(), password: "short" }, "password"],
        ["/users", { email: someEmail(), admin: true }, "admin"],
        ["/keys", { name: "k" }, "user_id"],
        ["/keys", { ...key, expire_at: "2040-01-01" }, "expire_at"],
        ["/keys", { ...key, expires_at: "tomorrow" }, "expires_at"],
        ["/keys", { ...key, expires_at: "2040-02-30T00:00:00" }, "expires_at"],
        ["/keys", { ...key, expires_at: 2_208_988_800 }, "expires_at"],
        ["/keys", { ...key, limits: { rpm: 0 } }, "limits.rpm"],
        ["/keys", { ...key, limits: { rps: 1 } }, "limits.rps"],
        ["/keys", { ...key, models: "sandbox/echo" }, "models"],
        ["/keys", { ...key, allowed_ips: ["10.0.0.0/8", "10.0.0.0/33"] }, "allowed_ips[1]"]
      ]
      for (const [path, body, param] of cases) {
        assertRefused(yield* admin("POST", path, body), 400, "invalid_body", param)
      }
      assertRefused(yield* admin("POST", "/users", '{"email"'), 400, "invalid_json")
      assertRefused(yield* admin("POST", "/keys", { ...key, user_id: "user_nobody" }), 404, "not_found", "user_id")
      assertRefused(yield* admin("POST", "/users", { email: user.email.toUpperCase() }), 400, "already_exists", "email")
      assertRefused(yield* admin("GET", "/users?limit=many"), 400, "invalid_request", "limit")
      assertRefused(yield* admin("GET", "/keys?user=x"), 400, "invalid_request", "user")
      assertRefused(yield* admin("GET", "/keys?cursor=x"), 400, "invalid_request", "cursor")
      const wrongMethod = yield* admin("PUT", "/keys/key_x", {})
      assertRefused(wrongMethod, 405, "method_not_allowed")
      assert.match(wrongMethod.headers.get("allow") ?? "", /PATCH/)
    })
  )

  it.effect("is in the OpenAPI document with its key and its errors", () =>
    Effect.gen(function* () {
      const { request } = yield* Subject
      const document = (yield* request("/openapi.json")).json
      const operation = document.paths["/admin/v1/keys"].post
      assert.deepStrictEqual(operation.security, [{ adminKey: [] }])
      assert.includeMembers(Object.keys(operation.responses), ["201", "400", "401", "404", "503"])
      assert.deepStrictEqual(document.components.securitySchemes.adminKey.scheme, "Bearer")
    })
  )
})

describe("a gateway without an admin key", () => {
  it.live("has no admin API, whatever key is shown", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { request } = yield* startGateway({ adminKey: undefined })
        for (const authorization of ["Bearer ", "Bearer undefined", "Bearer <redacted>"]) {
          assertRefused(yield* request("/admin/v1/users", { headers: { authorization } }), 404, "not_found")
        }
      })
    )
  )
})
