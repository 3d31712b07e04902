import { assert, describe, it } from "@effect/vitest"
import { Effect, Inspectable, Logger } from "effect"
import { TestConsole } from "effect/testing"
import { inspect } from "node:util"
import { sections } from "../../src/config/Variables.ts"
import { read, readFile } from "./reading.ts"

const canary = "c4Nary"
const names = sections.flatMap(({ variables }) => Object.values(variables).map(({ name }) => name))

/** A value in every way in which a log, a crash or a debugger may show it. */
const shown = (value: unknown): string =>
  [
    JSON.stringify(value, (_, inner: unknown) => (inner instanceof Map ? [...inner] : inner)),
    inspect(value, { depth: 20, showHidden: true }),
    Inspectable.toStringUnknown(value),
    value instanceof Error ? `${value.stack} ${value.message} ${value}` : ""
  ].join("\n")

const secretLong = `${canary}-4f9Ac7Qm2Zx81LrTuVw0BnYdKp36`
const base64 = Buffer.from(`${secretLong}q`).toString("base64")

describe("secrets", () => {
  it.effect("do not show in settings, whichever way they are printed", () =>
    Effect.gen(function* () {
      const settings = yield* readFile(
        `providers:
  a: { kind: openai, apiKey: "${canary}-1", baseUrl: https://a.example }
  b: { kind: gigachat, credentials: \${B}, accessToken: ${canary}-2 }
  c: { kind: yandexgpt, apiKey: ${canary}-3, folderId: b1g }`,
        {
          B: `${canary}-4`,
          DATABASE_URL: `postgres://u:${canary}@db/x`,
          REDIS_URL: `redis://:${canary}@a,redis://:${canary}@b`,
          XROUTER_ADMIN_KEY: secretLong,
          XROUTER_JWT_SECRETS: `k:${base64}`,
          XROUTER_METRICS_TOKEN: canary,
          GIGACHAT_CREDENTIALS: canary,
          GIGACHAT_ACCESS_TOKEN: canary,
          YANDEX_IAM_TOKEN: canary,
          YANDEX_FOLDER_ID: "b1g",
          OPENAI_API_KEY: canary
        }
      )
      yield* Effect.logInfo("settings", settings).pipe(
        Effect.provide(Logger.layer([Logger.consolePretty(), Logger.consoleJson]))
      )
      const printed = `${shown(settings)} ${(yield* TestConsole.logLines).map((line) => inspect(line)).join("\n")}`
      assert.match(printed, /redacted/)
      assert.notInclude(printed, canary)
      assert.notInclude(printed, base64)
    })
  )

  it.effect("do not show in faults, even when they were put into the wrong variable", () =>
    Effect.gen(function* () {
      for (const value of [
        canary,
        `${canary}://${canary}`,
        `k:${canary},${canary}`,
        `https://${canary}@x`,
        `redis://${canary},x`
      ]) {
        for (const name of names) {
          const outcome = yield* Effect.result(read({ [name]: value, [`${name}_${canary}`]: "x" }))
          if (outcome._tag === "Success") continue
          // The one thing that may be named is a file that cannot be found, and it is not.
          assert.notInclude(shown(outcome.failure), canary, name)
        }
      }
    })
  )

  const misplaced: ReadonlyArray<string> = [
    `providers: { a: ${canary} }`,
    `providers: { a: { kind: ${canary} } }`,
    `providers: { a: { kind: openai, baseUrl: ${canary}, concurrency: ${canary} } }`,
    `models: { a: { candidates: [{ model: ${canary}, weight: ${canary} }], strategy: ${canary}, timeouts: { idle: ${canary} } } }`,
    `models: { a: { candidates: ${canary}, fallbacks: [${canary}], price: { input: ${canary}, per: ${canary}, currency: ${canary} } } }`,
    `tiers: { free: { rpm: ${canary} } }`,
    `tiers: ${canary}`,
    canary,
    `- ${canary}`,
    `a: "${canary}`,
    `a: { b: ${canary}`,
    `a: ]${canary}`,
    `a: b\n"${canary}" ${canary}`,
    `a: *${canary}`,
    `a: "\\${canary}"`,
    `a: b: ${canary}: d`,
    `a: @${canary}`,
    `a: !!${canary} b`,
    `%${canary}\n---\na: b`,
    `a: |${canary}\n b`,
    `"${canary}" "${canary}"`
  ]
  for (const yaml of misplaced) {
    it.effect(`do not show in a fault of the file: ${JSON.stringify(yaml)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(readFile(yaml))
        assert.isAtLeast(error.faults.length, 1)
        assert.notInclude(shown(error), canary)
      })
    )
  }
})

describe("faults", () => {
  it.effect("are told all at once, those of the environment and those of the file", () =>
    Effect.gen(function* () {
      const bad = Object.fromEntries(names.filter((name) => name !== "XROUTER_CONFIG").map((name) => [name, "?"]))
      const error = yield* Effect.flip(readFile("tiers: { free: { rpm: none } }\nmore: 1", bad))
      const places = new Set(error.faults.map(({ at }) => at))
      for (const name of [
        "XROUTER_PORT",
        "DATABASE_URL",
        "REDIS_URL",
        "XROUTER_ADMIN_KEY",
        "YANDEX_SA_KEY_FILE",
        "OPENAI_BASE_URL"
      ]) {
        assert.isTrue(places.has(name), name)
      }
      assert.isTrue(places.has("xrouter.yaml:1 tiers.free.rpm"))
      assert.isTrue(places.has("xrouter.yaml:2 more"))
      assert.strictEqual(error.message.split("\n").length, error.faults.length + 1)
      assert.match(error.message, /^The configuration has \d+ faults:\n {2}XROUTER_/)
    })
  )
})
