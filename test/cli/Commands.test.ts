import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import { closedPort } from "../support/Loopback.ts"
import { type Ran, run } from "./running.ts"

/** Of what the gateway answers: what the tests look into. */
interface Wire {
  readonly id: string
  readonly user_id: string
  readonly data: ReadonlyArray<Wire>
}

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly xrouter: (line: string) => Effect.Effect<Ran>
    /** The JSON that a command must print. */
    readonly told: (line: string) => Effect.Effect<Wire>
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      const environment = { XROUTER_URL: `${gateway.url}/`, XROUTER_ADMIN_KEY: gateway.adminKey }
      const xrouter = (line: string) => run(environment, line)
      const told = (line: string) =>
        Effect.map(xrouter(`${line} --json`), ({ err, ok, out }): Wire => {
          assert.isTrue(ok, err)
          return JSON.parse(out)
        })
      return { gateway, xrouter, told }
    })
  )
}

const assertHolds = (actual: object, expected: object) => assert.deepInclude(actual, expected)

const assertRefused = (ran: Ran, message: RegExp) => {
  assert.isFalse(ran.ok)
  assert.strictEqual(ran.out, "")
  assert.match(ran.err, message)
}

layer(Subject.layer, { excludeTestServices: true })("xrouter", (it) => {
  it.effect("says what to do while there is no user, and makes a key of the only one when there is", () =>
    Effect.gen(function* () {
      const { gateway, told, xrouter } = yield* Subject
      assertRefused(yield* xrouter("keys create"), /There is no user yet. Make one: xrouter users create <email>/)
      const nobody = yield* xrouter("users list")
      assertHolds(nobody, { ok: true, out: "", err: "There are no users" })

      const user = yield* told("users create first@example.com")
      const created = yield* xrouter("keys create")
      assert.match(created.out, /^xr-free-[0-9A-Za-z]{22}-[0-9A-Za-z]{6}$/)
      assert.match(created.err, /a key of first@example.com, tier free. It is shown this once:$/)
      const answer = yield* gateway.chat(created.out, {
        model: "sandbox/echo",
        messages: [{ role: "user", content: "Hello" }]
      })
      assert.strictEqual(answer.status, 200, answer.text)

      yield* told("users create second@example.com")
      assertRefused(yield* xrouter("keys create"), /There are several users. Say whose key it is: --user/)
      const listed = yield* told("keys list --user FIRST@example.com")
      assert.strictEqual(listed.data.length, 1)
      assert.strictEqual(listed.data[0]?.user_id, user.id)
      assert.notProperty(listed.data[0] ?? {}, "key")
    })
  )

  it.effect("creates, shows, changes and deletes a user, by id and by address", () =>
    Effect.gen(function* () {
      const { gateway, told, xrouter } = yield* Subject
      const ann = yield* told("users create ann@example.com --tier pro --password correct-horse")
      assertHolds(ann, { email: "ann@example.com", tier: "pro" })
      assert.deepStrictEqual(yield* told("users show ann@example.com"), ann)
      const changed = yield* told(`users update ${ann.id} --email anna@example.com --tier free`)
      assertHolds(changed, { id: ann.id, email: "anna@example.com", tier: "free" })
      assert.isTrue((yield* xrouter(`users update ${ann.id} --remove-password`)).ok)

      const shown = yield* xrouter(`users show ${ann.id}`)
      assert.match(shown.out, /^id {7}user_\w+\nemail {4}anna@example.com\ntier {5}free\ncreated {2}20\d\d-/)
      const key = yield* xrouter(`keys create --user ${ann.id}`)
      const removed = yield* xrouter("users delete anna@example.com")
      assert.match(removed.err, /Deleted anna@example.com \(user_\w+\); its keys are revoked/)
      const answer = yield* gateway.request("/v1/models", { headers: { authorization: `Bearer ${key.out}` } })
      assert.strictEqual(answer.status, 401)
      assertRefused(yield* xrouter("users show anna@example.com"), /There is no user with the address/)
      assertRefused(yield* xrouter(`users delete ${ann.id}`), /There is no such user/)
    })
  )

  it.effect("creates a key with bounds, changes one and keeps the others, takes them away, and revokes it", () =>
    Effect.gen(function* () {
      const { told, xrouter } = yield* Subject
      yield* told("users create bob@example.com")
      const key = yield* told(
        "keys create --user bob@example.com --name ci --tier pro --rpm 10 --rpd 20 --tpm 30 --tpd 40 --concurrency 5 --model sandbox/echo --model sandbox/story --allow-ip 127.0.0.0/8 --expires-at 2040-01-31"
      )
      assertHolds(key, {
        name: "ci",
        tier: "pro",
        limits: { rpm: 10, rpd: 20, tpm: 30, tpd: 40, concurrency: 5 },
        models: ["sandbox/echo", "sandbox/story"],
        allowed_ips: ["127.0.0.0/8"],
        expires_at: "2040-01-31T00:00:00.000Z"
      })
      const changed = yield* told(`keys update ${key.id} --rpm 11 --name cd`)
      assertHolds(changed, {
        name: "cd",
        limits: { rpm: 11, rpd: 20, tpm: 30, tpd: 40, concurrency: 5 },
        models: ["sandbox/echo", "sandbox/story"]
      })
      const freed = yield* told(
        `keys update ${key.id} --tpm 7 --clear limits --clear models --clear allowed_ips --clear expires_at --clear tier`
      )
      assertHolds(freed, { limits: { tpm: 7 }, models: null, allowed_ips: null, expires_at: null, tier: "free" })
      assert.deepStrictEqual(yield* told(`keys show ${key.id}`), freed)
      assert.match((yield* xrouter(`keys show ${key.id}`)).out, /limits +tpm 7\nmodels +all\n/)
      assert.match((yield* xrouter(`keys revoke ${key.id}`)).err, /Revoked key_/)
      assertRefused(yield* xrouter(`keys show ${key.id}`), /There is no such key/)
    })
  )

  it.effect("prints a table that goes on where it was cut", () =>
    Effect.gen(function* () {
      const { told, xrouter } = yield* Subject
      yield* told("users create carl@example.com")
      yield* told("users create dora@example.com")
      const first = yield* xrouter("users list --limit 1")
      const [headings, row] = first.out.split("\n")
      assert.match(headings ?? "", /^ID +EMAIL +TIER +CREATED$/)
      assert.match(row ?? "", /^user_\w+ +dora@example.com +free +20\d\d-/)
      const cursor = /^There are more: --cursor (\S+)$/.exec(first.err)?.[1] ?? ""
      assert.match((yield* xrouter(`users list --limit 1 --cursor ${cursor}`)).out, /carl@example.com/)
    })
  )

  it.effect("shows what the gateway has against it", () =>
    Effect.gen(function* () {
      const { told, xrouter } = yield* Subject
      yield* told("users create eve@example.com")
      assertRefused(yield* xrouter("users create EVE@example.com"), /Another user has this e-mail address/)
      assertRefused(yield* xrouter("users create eve"), /must be an e-mail address/)
      assertRefused(yield* xrouter("keys create --user eve@example.com --tier gold"), /must be one of/)
      assertRefused(yield* xrouter("users list --limit 1000"), /"limit" must be/)
    })
  )

  it.effect("refuses arguments that cannot be meant before it asks anybody", () =>
    Effect.gen(function* () {
      const { xrouter } = yield* Subject
      const wrong = yield* xrouter("keys create --expires-at tomorrow")
      assert.isFalse(wrong.ok)
      assert.match(wrong.err, /ISO 8601/)
      assert.isFalse((yield* xrouter("keys update key_x --clear everything")).ok)
      const zero = yield* xrouter("keys create --rpm 0")
      assert.isFalse(zero.ok)
      assert.match(zero.err, /rpm.*at least 1/)
      assert.isFalse((yield* xrouter("users create")).ok)
    })
  )

  it.effect("says where it looked when no gateway answers, or something else does", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const XROUTER_ADMIN_KEY = gateway.adminKey
      const nowhere = `http://127.0.0.1:${yield* closedPort}`
      assertRefused(
        yield* run({ XROUTER_URL: nowhere, XROUTER_ADMIN_KEY }, "users list"),
        new RegExp(`No gateway answers at ${nowhere}. Start it`)
      )
      assertRefused(
        yield* run({ XROUTER_URL: `${gateway.url}/elsewhere`, XROUTER_ADMIN_KEY }, "users list"),
        /There is nothing at this path/
      )
      assertRefused(
        yield* run({ XROUTER_URL: "nowhere", XROUTER_ADMIN_KEY }, "users list"),
        /XROUTER_URL: Expected a URL/
      )
      assertRefused(
        yield* run({ XROUTER_URL: gateway.url, XROUTER_ADMIN_KEY: "another" }, "users list"),
        /refuses the admin key: This is not the admin key of this gateway/
      )
    })
  )
})
