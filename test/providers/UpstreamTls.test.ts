import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Upstream from "../../src/providers/Upstream.ts"
import { makeAuthority } from "../support/Certificates.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { options, post } from "./upstreamRequests.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "xrouter-tls-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const written = Effect.fnUntraced(function* (name: string, text: string) {
  const path = join(yield* folder, name)
  writeFileSync(path, text)
  return path
})

const variable = "GIGACHAT_CA_BUNDLE_FILE"

describe("Upstream over TLS", () => {
  it.effect("does not trust a stranger's authority, and names the variable that would make it trusted", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.json(200, {})], {
        tls: makeAuthority("Stranger").issue("upstream")
      })
      const upstream = yield* Upstream.make(options(server.url, { caBundleVariable: variable }))
      const failure = yield* Effect.flip(upstream.exchange(post("/")))
      assert.strictEqual(failure.reason, "provider_tls")
      assert.match(failure.message, /GIGACHAT_CA_BUNDLE_FILE/)
      assert.isFalse(failure.isRetryable)
      assert.strictEqual(server.requests.length, 0)
    })
  )

  it.effect("trusts the authorities of its bundle", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("Ministry")
      const server = yield* Scripted.make([Scripted.json(200, { trusted: true })], { tls: authority.issue("upstream") })
      const caBundleFile = yield* written("ca.pem", `# Comment\n${makeAuthority("Other").cert}\n${authority.cert}`)
      const upstream = yield* Upstream.make(options(server.url, { caBundleFile }))
      assert.strictEqual((yield* upstream.exchange(post("/"))).text, '{"trusted":true}')
    })
  )

  it.effect("does not trust another provider's bundle", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("Ministry")
      const server = yield* Scripted.make(() => Scripted.json(200, {}), { tls: authority.issue("upstream") })
      const caBundleFile = yield* written("ca.pem", authority.cert)
      const trusting = yield* Upstream.make(options(server.url, { caBundleFile }))
      const strict = yield* Upstream.make(options(server.url))
      yield* trusting.exchange(post("/"))
      assert.strictEqual((yield* Effect.flip(strict.exchange(post("/")))).reason, "provider_tls")
    })
  )

  it.effect("checks nothing where the operator says so", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.json(200, {})], {
        tls: makeAuthority("Stranger").issue("upstream")
      })
      const upstream = yield* Upstream.make(options(server.url, { verifyTls: false }))
      assert.strictEqual((yield* upstream.exchange(post("/"))).status, 200)
    })
  )

  it.effect("shows its client certificate to an upstream that asks for one", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("Ministry")
      const tls = { ...authority.issue("upstream"), ca: authority.cert, requestCert: true, rejectUnauthorized: true }
      const server = yield* Scripted.make(() => Scripted.json(200, {}), { tls })
      const caBundleFile = yield* written("ca.pem", authority.cert)
      const own = authority.issue("gateway")
      const certFile = yield* written("own.pem", own.cert)
      const keyFile = yield* written("own.key", own.key)
      const known = yield* Upstream.make(options(server.url, { caBundleFile, certFile, keyFile }))
      assert.strictEqual((yield* known.exchange(post("/"))).status, 200)
      const unknown = yield* Upstream.make(options(server.url, { caBundleFile }))
      assert.strictEqual((yield* Effect.exit(unknown.exchange(post("/"))))._tag, "Failure")
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("says that the name does not fit the certificate, without advice that would not help", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("Ministry")
      const server = yield* Scripted.make([], { tls: authority.issue("upstream", "elsewhere.test") })
      const caBundleFile = yield* written("ca.pem", authority.cert)
      const upstream = yield* Upstream.make(options(server.url, { caBundleFile, caBundleVariable: variable }))
      const failure = yield* Effect.flip(upstream.exchange(post("/")))
      assert.strictEqual(failure.reason, "provider_tls")
      assert.strictEqual(failure.message, "The TLS connection to openai failed (ERR_TLS_CERT_ALTNAME_INVALID)")
    })
  )

  it.effect("refuses files that cannot be used, at start and by their name", () =>
    Effect.gen(function* () {
      const empty = yield* written("empty.pem", "no certificate here")
      const broken = yield* written("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
      const { cert } = makeAuthority("One").issue("one")
      const { key } = makeAuthority("Two").issue("two")
      const certFile = yield* written("one.pem", cert)
      const keyFile = yield* written("two.key", key)
      for (const [files, fault] of [
        [{ caBundleFile: "/nowhere/ca.pem" }, "The CA bundle of provider openai cannot be read: /nowhere/ca.pem"],
        [{ caBundleFile: empty }, `The CA bundle of provider openai holds no readable PEM certificate: ${empty}`],
        [{ caBundleFile: broken }, `The CA bundle of provider openai holds no readable PEM certificate: ${broken}`],
        [{ certFile, keyFile }, "The client certificate and key of provider openai cannot be used"]
      ] as const) {
        const error = yield* Effect.flip(Upstream.make(options("https://127.0.0.1:1", files)))
        assert.strictEqual(error._tag, "UpstreamOptionsError")
        assert.strictEqual(error.message, fault)
      }
    })
  )
})
