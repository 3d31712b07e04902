import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Logger, Stream } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { GigaChatSettings } from "../../../src/config/Settings.ts"
import { make } from "../../../src/providers/gigachat/GigaChat.ts"
import { makeAuthority } from "../../support/Certificates.ts"
import * as GigaChat from "../../support/GigaChatUpstream.ts"
import { gigaChatSettings } from "../../support/Upstreams.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "xrouter-gigachat-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const ministry = makeAuthority("Ministry")

const setUp = Effect.fnUntraced(function* (
  own: (files: { readonly ca: string; readonly cert: string; readonly key: string }) => Partial<GigaChatSettings>,
  tls: GigaChat.GigaChatUpstreamOptions["tls"] = ministry.issue("gigachat")
) {
  const path = yield* folder
  const write = (name: string, text: string) => {
    writeFileSync(join(path, name), text)
    return join(path, name)
  }
  const gateway = ministry.issue("gateway")
  const files = {
    ca: write("ca.pem", ministry.cert),
    cert: write("own.pem", gateway.cert),
    key: write("own.key", gateway.key)
  }
  const server = yield* GigaChat.make({ tls })
  const provider = yield* make(
    "gigachat",
    { ...gigaChatSettings(server), ...own(files) },
    { connect: Duration.seconds(5), idle: Duration.seconds(60) }
  )
  const { events } = yield* provider.prepare({
    requestId: "req_1",
    model: "GigaChat-2",
    request: { model: "gigachat", messages: [{ role: "user", content: "Привет" }] }
  })
  return { server, provider, ask: Stream.runCollect(events) }
})

describe("GigaChat behind the ministry's certificates", () => {
  it.effect("is trusted by its CA bundle, for tokens, chat and models alike", () =>
    Effect.gen(function* () {
      const { ask, provider, server } = yield* setUp(({ ca }) => ({ caBundleFile: ca }))
      assert.strictEqual((yield* ask).at(-1)?._tag, "Finished")
      assert.isNotEmpty(yield* provider.models)
      assert.lengthOf(server.tokens(), 1)
    })
  )

  it.effect("is not trusted without it, and the failure names what to set", () =>
    Effect.gen(function* () {
      const { ask, server } = yield* setUp(() => ({}))
      const error = yield* Effect.flip(ask)
      assert.strictEqual(error.reason, "provider_tls")
      assert.include(error.message, "GIGACHAT_CA_BUNDLE_FILE")
      assert.lengthOf(server.requests, 0)
    })
  )

  it.effect(
    "is called unchecked, the token endpoint too, where the operator wants it so, with one warning at start",
    () =>
      Effect.gen(function* () {
        const lines: Array<unknown> = []
        const logger = Logger.make(({ logLevel, message }) => lines.push([logLevel, message]))
        const { ask, server } = yield* Effect.provide(
          setUp(() => ({ verifySslCerts: false })),
          Logger.layer([logger])
        )
        assert.strictEqual((yield* ask).at(-1)?._tag, "Finished")
        assert.lengthOf(server.tokens(), 1)
        assert.deepStrictEqual(lines, [
          ["Warn", ["The TLS certificates of provider gigachat are not checked: its answers can be forged"]]
        ])
      })
  )

  it.effect("knows us by our certificate on its inner hosts, where there are no tokens", () =>
    Effect.gen(function* () {
      const tls = {
        ...ministry.issue("gigachat"),
        ca: ministry.cert,
        requestCert: true,
        rejectUnauthorized: true
      }
      const { ask, server } = yield* setUp(
        ({ ca, cert, key }) => ({ credentials: undefined, caBundleFile: ca, certFile: cert, keyFile: key }),
        tls
      )
      assert.strictEqual((yield* ask).at(-1)?._tag, "Finished")
      assert.lengthOf(server.tokens(), 0)
      assert.notProperty(server.chats()[0]?.headers, "authorization")
    })
  )
})
