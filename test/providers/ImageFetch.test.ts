import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Latch, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ValidationError } from "../../src/domain/Errors.ts"
import { checkAddress, fetchImage, ImageNetwork } from "../../src/providers/ImageFetch.ts"
import { makeAuthority } from "../support/Certificates.ts"
import { png } from "../support/Images.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"

const place = { provider: "gigachat", param: "messages[0].content[0].image_url.url" }
const internet = Context.get(Context.empty(), ImageNetwork)

const setUp = Effect.fnUntraced(function* (step: Scripted.Step, network: Partial<ImageNetwork> = {}) {
  const authority = makeAuthority("Authority of images")
  const server = yield* Scripted.make(() => step, { tls: authority.issue("pictures", "pictures.example") })
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "xrouter-fetch-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const caBundleFile = join(folder, "ca.pem")
  writeFileSync(caBundleFile, authority.cert)
  const url = new URL(server.url)
  url.hostname = "pictures.example"
  const own: ImageNetwork = {
    ...internet,
    resolve: () => Effect.succeed([{ address: "127.0.0.1", family: 4 }]),
    isAllowed: (address) => address === "127.0.0.1",
    caBundleFile,
    ...network
  }
  const bounds = { types: new Set(["image/png", "image/jpeg"]), mostBytes: 100_000 }
  return { server, fetch: fetchImage(own, bounds, url, place) }
})

const typed = Scripted.head(200, { "content-type": "image/png; q=1" })
const served = Scripted.steps(typed, Scripted.write(png()), Scripted.end)

const refusal = <A>(fetch: Effect.Effect<A, ValidationError>) =>
  Effect.map(Effect.flip(fetch), ({ message, param, provider, reason }) => {
    assert.deepStrictEqual({ reason, param, provider }, { reason: "invalid_body", ...place })
    return message
  })

describe("fetching an image", () => {
  it.effect("gives its bytes and its type", () =>
    Effect.gen(function* () {
      const { fetch, server } = yield* setUp(served)
      const image = yield* fetch
      assert.strictEqual(image.type, "image/png")
      assert.deepStrictEqual(Buffer.from(image.bytes), Buffer.from(png()))
      assert.strictEqual(server.requests[0]?.headers.accept, "image/png, image/jpeg")
      assert.strictEqual(server.requests[0]?.headers["accept-encoding"], "identity")
    })
  )

  it.effect("stops reading a body of no declared length that is too large, and closes its connection", () =>
    Effect.gen(function* () {
      const piece = Buffer.alloc(50_000, 1)
      const { fetch, server } = yield* setUp(
        Scripted.steps(typed, ...[1, 2, 3].map(() => Scripted.write(piece)), Scripted.hang)
      )
      assert.strictEqual(yield* refusal(fetch), "The image could not be fetched: it is larger than 0.1 MB")
      yield* server.requests[0]?.abandoned ?? Effect.die("no request")
    })
  )

  const slow: ReadonlyArray<readonly [what: string, step: (latch: Latch.Latch) => Scripted.Step]> = [
    ["says nothing", (latch) => Scripted.steps(Scripted.tell(latch), Scripted.hang)],
    ["never ends", (latch) => Scripted.steps(typed, Scripted.write(png()), Scripted.tell(latch), Scripted.hang)]
  ]
  it.effect.each(slow)("gives up a host that %s, after ten seconds in all", ([, step]) =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const { fetch, server } = yield* setUp(step(latch))
      const fetching = yield* Effect.forkChild(refusal(fetch))
      yield* latch.await
      yield* TestClock.adjust(Duration.millis(9_999))
      assert.isUndefined(fetching.pollUnsafe())
      yield* TestClock.adjust(Duration.millis(1))
      assert.match(yield* Fiber.join(fetching), /pictures\.example took more than 10s/)
      yield* server.requests[0]?.abandoned ?? Effect.die("no request")
    })
  )

  it.effect("gives up a name that does not resolve in that time", () =>
    Effect.gen(function* () {
      const { fetch } = yield* setUp(served, { resolve: () => Effect.never })
      const fetching = yield* Effect.forkChild(refusal(fetch))
      yield* TestClock.adjust(Duration.seconds(10))
      assert.match(yield* Fiber.join(fetching), /took more than/)
    })
  )

  it.effect("closes its connection when nobody wants it any more", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const { fetch, server } = yield* setUp(Scripted.steps(Scripted.tell(latch), Scripted.hang))
      const fetching = yield* Effect.forkChild(fetch)
      yield* latch.await
      yield* Fiber.interrupt(fetching)
      yield* server.requests[0]?.abandoned ?? Effect.die("no request")
    })
  )

  const names: ReadonlyArray<readonly [what: string, addresses: ReadonlyArray<string>, message: RegExp]> = [
    ["a private address", ["10.0.0.1"], /not on the open Internet/],
    ["a public address and a private one", ["127.0.0.1", "192.168.0.1"], /not on the open Internet/],
    ["the loopback of IPv6", ["::1"], /not on the open Internet/],
    ["nothing", [], /does not resolve/]
  ]
  it.effect.each(names)("connects to nothing where the host stands for %s", ([, addresses, message]) =>
    Effect.gen(function* () {
      const { fetch, server } = yield* setUp(served, {
        resolve: () => Effect.succeed(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })))
      })
      const said = yield* refusal(fetch)
      assert.match(said, message)
      for (const address of addresses) assert.notInclude(said, address)
      assert.strictEqual(server.connections(), 0)
    })
  )

  it.effect("does not trust a certificate of another host, nor of an authority that nobody knows", () =>
    Effect.gen(function* () {
      const stranger = yield* setUp(served, { caBundleFile: undefined })
      assert.match(yield* refusal(stranger.fetch), /TLS connection to pictures\.example failed/)
      assert.strictEqual(stranger.server.requests.length, 0)
    })
  )
})

describe("an address of an image", () => {
  const check = (url: string) => {
    const checked = checkAddress(internet, new URL(url), place)
    return Result.isFailure(checked) ? checked.failure.message : undefined
  }

  it("may be of any host, which is looked up later, and of any path", () => {
    for (const url of [
      "https://example.com/dot.png?a=1#b",
      "https://пример.рф/",
      "https://8.8.8.8/",
      "https://[2606:4700::1]:443/"
    ]) {
      assert.isUndefined(check(url), url)
    }
  })

  const forms: ReadonlyArray<(bytes: readonly [number, number, number, number]) => string> = [
    (bytes) => bytes.join("."),
    (bytes) => `${bytes.join(".")}.`,
    ([a, b, c, d]) => String(((a * 256 + b) * 256 + c) * 256 + d),
    ([a, b, c, d]) => `${a}.${b}.${c * 256 + d}`,
    (bytes) => bytes.map((byte) => `0x${byte.toString(16)}`).join("."),
    (bytes) => bytes.map((byte) => `0${byte.toString(8)}`).join("."),
    (bytes) => `[::ffff:${bytes.join(".")}]`
  ]
  const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
  const Private = Schema.Union([
    Schema.Tuple([Schema.Literals([0, 10, 127]), Byte, Byte, Byte]),
    Schema.Tuple([Schema.Literal(169), Schema.Literal(254), Byte, Byte]),
    Schema.Tuple([Schema.Literal(192), Schema.Literal(168), Byte, Byte])
  ])

  it.prop("is refused in whatever form it writes a private IPv4 address", [Private], ([bytes]) => {
    for (const form of forms) {
      assert.strictEqual(check(`https://${form(bytes)}/`), "The image's host is not on the open Internet", form(bytes))
    }
  })

  it.each([
    ["http://example.com/", /https address/],
    ["ftp://example.com/", /https address/],
    ["https://example.com:8443/", /port 443/],
    ["https://user@example.com/", /user or a password/],
    ["https://:word@example.com/", /user or a password/],
    [`https://example.com/${"a".repeat(4096)}`, /too long/],
    [`https://${"a.".repeat(127)}example/`, /too long/]
  ])("%s is refused", (url, message) => {
    assert.match(check(url) ?? "", message)
  })
})
