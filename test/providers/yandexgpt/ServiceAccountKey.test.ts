import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { constants, createPublicKey, generateKeyPairSync, verify } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assertion, readServiceAccountKey } from "../../../src/providers/yandexgpt/ServiceAccountKey.ts"
import { keyFileText } from "../../support/YandexUpstream.ts"

const written = (text: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "xrouter-key-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const file = join(folder, "key.json")
      writeFileSync(file, text)
      return file
    }
  )

const read = (text: string) => Effect.flatMap(written(text), (file) => readServiceAccountKey("yandexgpt", file))

const decode = (part: string | undefined): unknown => JSON.parse(Buffer.from(part ?? "", "base64url").toString("utf8"))

describe("a service account's key", () => {
  it.effect("signs a statement of an hour with PS256", () =>
    Effect.gen(function* () {
      const key = yield* read(keyFileText())
      const [header, claims, signature] = assertion(key, 1_790_000_000_999).split(".")
      assert.deepStrictEqual(decode(header), { typ: "JWT", alg: "PS256", kid: "ajkscriptedkey000001" })
      assert.deepStrictEqual(decode(claims), {
        iss: "ajescriptedaccount01",
        aud: "https://iam.api.cloud.yandex.net/iam/v1/tokens",
        iat: 1_790_000_000,
        exp: 1_790_003_600
      })
      const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      const proof = { key: createPublicKey(key.privateKey), ...pss }
      assert.isTrue(
        verify("sha256", Buffer.from(`${header}.${claims}`), proof, Buffer.from(signature ?? "", "base64url"))
      )
    })
  )

  const secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0LXNlY3JldA==\n-----END PRIVATE KEY-----"
  const wrong = (privateKey: string) => JSON.stringify({ id: "a", service_account_id: "b", private_key: privateKey })
  const faults: ReadonlyArray<readonly [what: string, text: string, message: RegExp]> = [
    ["that is no JSON", `${secret} and more`, /is not a JSON file with `id`, `service_account_id` and `private_key`/],
    ["without an id", JSON.stringify({ service_account_id: "b", private_key: secret }), /is not a JSON file with/],
    ["with rubbish in place of a PEM", wrong(secret), /holds no readable PEM in `private_key`/],
    ["with an empty PEM", wrong(" "), /holds no readable PEM/],
    [
      "of a kind that PS256 cannot use",
      wrong(
        generateKeyPairSync("ec", { namedCurve: "P-256" })
          .privateKey.export({ type: "pkcs8", format: "pem" })
          .toString()
      ),
      /is not an RSA key of 2048 bits or more/
    ],
    [
      "that is too short",
      wrong(
        generateKeyPairSync("rsa", { modulusLength: 1024 })
          .privateKey.export({ type: "pkcs8", format: "pem" })
          .toString()
      ),
      /is not an RSA key of 2048 bits or more/
    ]
  ]
  it.effect.each(faults)("%s is refused at start, and not quoted", ([, text, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read(text))
      assert.match(error.message, message)
      assert.match(error.message, /yandexgpt.*key\.json/)
      assert.notInclude(JSON.stringify(error) + String(error.cause), "c2VjcmV0")
    })
  )

  it.effect("that is not there is refused at start with its path", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(readServiceAccountKey("yandexgpt", "/nowhere/key.json"))
      assert.strictEqual(
        error.message,
        "The service account key of provider yandexgpt cannot be read: /nowhere/key.json"
      )
    })
  )
})
