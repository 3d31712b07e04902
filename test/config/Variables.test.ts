import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { sections } from "../../src/config/Variables.ts"
import { examples, pem } from "./examples.ts"
import { faultsOf, read } from "./reading.ts"

const mandatoryWith = new Set(["GIGACHAT_CERT_FILE", "GIGACHAT_KEY_FILE", "YANDEX_FOLDER_ID"])
const alternatives = new Set(["YANDEX_API_KEY", "YANDEX_IAM_TOKEN", "YANDEX_SA_KEY_FILE"])

describe("each variable", () => {
  it("has its examples here", () => {
    const names = sections.flatMap(({ variables }) => Object.values(variables).map(({ name }) => name))
    assert.deepStrictEqual([...names].sort(), [...Object.keys(examples), "XROUTER_CONFIG", "XROUTER_URL"].sort())
  })

  for (const [name, example] of Object.entries(examples)) {
    const beside = example.beside ?? {}
    if (!mandatoryWith.has(name) && !alternatives.has(name)) {
      it.effect(`${name} has its default, also when it is empty or blank`, () =>
        Effect.gen(function* () {
          for (const environment of [beside, { ...beside, [name]: "" }, { ...beside, [name]: "  " }]) {
            assert.deepStrictEqual(example.of(yield* read(environment, { [pem]: "" })), example.default)
          }
        })
      )
    }

    it.effect(`${name} is read`, () =>
      Effect.gen(function* () {
        for (const [text, value] of example.good) {
          const settings = yield* read({ ...beside, [name]: text }, { [pem]: "" })
          if (value !== undefined) assert.deepStrictEqual(example.of(settings), value)
        }
      })
    )

    if (example.bad.length > 0) {
      it.effect(`${name} is refused with its name where it is wrong`, () =>
        Effect.gen(function* () {
          for (const text of example.bad) {
            const faults = yield* faultsOf({ ...beside, [name]: text }, { [pem]: "" })
            assert.isTrue(
              faults.some((fault) => fault.startsWith(`${name}: `)),
              `${text}: ${faults.join("; ")}`
            )
          }
        })
      )
    }
  }
})

describe("the environment", () => {
  it.effect("makes the public URL of the host and the port", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* read({ XROUTER_HOST: "::1", XROUTER_PORT: "90" })).publicUrl, "http://[::1]:90")
    })
  )

  it.effect("needs secrets for tokens as soon as there is a database that others may share", () =>
    Effect.gen(function* () {
      const faults = yield* faultsOf({ DATABASE_URL: "postgres://u@db/x" })
      assert.strictEqual(faults.length, 1)
      assert.match(faults[0] ?? "", /^XROUTER_JWT_SECRETS: is required beside DATABASE_URL/)
    })
  )

  it.effect("names no user of a database by whoever starts the process", () =>
    Effect.gen(function* () {
      const faults = yield* faultsOf({ DATABASE_URL: "postgres://:c4nary@db/x", USER: "root" })
      assert.match(faults[0] ?? "", /^DATABASE_URL: Expected a user before the host: postgres:\/\/user/)
      assert.notInclude(faults.join(), "c4nary")
    })
  )

  it.effect("needs both stores for more than one worker, and counts each worker as an instance", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* faultsOf({ XROUTER_WORKERS: "2" }), [
        "DATABASE_URL: is required where XROUTER_WORKERS is above 1 (2 here): the processes share it",
        "REDIS_URL: is required where XROUTER_WORKERS is above 1 (2 here): the processes share it"
      ])
      const { beside = {} } = examples["XROUTER_WORKERS"] ?? {}
      const { REDIS_URL: _, ...withoutRedis } = beside
      const faults = yield* faultsOf({ ...withoutRedis, XROUTER_WORKERS: "2" })
      assert.deepStrictEqual(
        faults.map((fault) => fault.split(":", 1).join()),
        ["REDIS_URL"]
      )
      const settings = yield* read({ ...beside, XROUTER_WORKERS: "4", XROUTER_EXPECTED_INSTANCES: "3" })
      assert.strictEqual(settings.expectedInstances, 12)
    })
  )

  it.effect("knows what Kubernetes does to XROUTER_PORT", () =>
    Effect.gen(function* () {
      const faults = yield* faultsOf({ XROUTER_PORT: "tcp://10.0.0.1:8080", XROUTER_PORT_8080_TCP_ADDR: "10.0.0.1" })
      assert.match(faults.join(), /enableServiceLinks: false/)
    })
  )

  it.effect("turns the sandbox off as soon as there is a provider, unless it is wished", () =>
    Effect.gen(function* () {
      const gigachat = { GIGACHAT_CREDENTIALS: "a2V5" }
      assert.isUndefined((yield* read(gigachat)).providers.get("sandbox"))
      assert.deepStrictEqual(
        [...(yield* read({ ...gigachat, XROUTER_SANDBOX: "on" })).providers.keys()],
        ["gigachat", "sandbox"]
      )
    })
  )
})
