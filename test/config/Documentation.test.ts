import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { vendorAddresses } from "../../src/config/Vendors.ts"
import { withVariables } from "../../scripts/ConfigurationDoc.ts"
import { readFile } from "./reading.ts"

const page = Effect.gen(function* () {
  return yield* (yield* FileSystem.FileSystem).readFileString("docs/configuration.md")
}).pipe(Effect.provide(NodeFileSystem.layer))

describe("docs/configuration.md", () => {
  it.effect("has the variables as the code has them; node scripts/configuration-doc.ts writes them", () =>
    Effect.gen(function* () {
      const text = yield* page
      assert.strictEqual(text, withVariables(text))
      assert.notStrictEqual(
        text.replace("XROUTER_HOST", "XROUTER_HOTS"),
        withVariables(text.replace("XROUTER_HOST", "XROUTER_HOTS"))
      )
    })
  )

  it.effect("has an example of the file that is a good one", () =>
    Effect.gen(function* () {
      const [, example = ""] = /```yaml\n([^]*?)```/.exec(yield* page) ?? []
      const { models, providers, tiers } = yield* readFile(example, {
        CLOUDRU_API_KEY: "k",
        SBER_B2B_KEY: "a2V5",
        GIGACHAT_CREDENTIALS: "a2V5",
        YANDEX_API_KEY: "AQVN",
        YANDEX_FOLDER_ID: "b1g"
      })
      assert.isTrue(providers.has("cloudru") && models.has("smart") && tiers.has("gold"))
    })
  )

  it.effect("has each vendor of OpenAI's language with its address, and no other", () =>
    Effect.gen(function* () {
      const rows = (yield* page).matchAll(/^\| `([a-z]+)` \| `(https?:[^`]+)` \|/gm)
      assert.deepStrictEqual(
        Array.from(rows, ([, name, baseUrl]) => [name, baseUrl]),
        Object.entries(vendorAddresses).map(([name, { baseUrl }]) => [name, baseUrl])
      )
    })
  )
})
