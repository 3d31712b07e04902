import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Stream } from "effect"
import type { ProviderError } from "../../src/domain/Errors.ts"
import * as Upstream from "../../src/providers/Upstream.ts"
import { closedPort, muteServer } from "../support/Loopback.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { opened, options, post } from "./upstreamRequests.ts"

const text = (body: Stream.Stream<Uint8Array, ProviderError>) => Stream.mkString(Stream.decodeText(body))

// At once, because undici looks at its timers once a second.
describe.concurrent("Upstream failures", () => {
  const failing = (script: Scripted.Step, more: Partial<Upstream.UpstreamOptions> = {}) =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([script])
      const upstream = yield* Upstream.make(options(server.url, more))
      const whole = yield* Effect.flip(upstream.exchange(post("/")))
      return whole
    })

  const failingStream = (script: Scripted.Step, more: Partial<Upstream.UpstreamOptions> = {}) =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([script])
      const upstream = yield* Upstream.make(options(server.url, more))
      const answer = yield* opened(upstream)
      return yield* Effect.flip(text(answer.body))
    })

  it.effect("says that nobody listens", () =>
    Effect.gen(function* () {
      const upstream = yield* Upstream.make(options(`http://127.0.0.1:${yield* closedPort}`))
      const failure = yield* Effect.flip(upstream.exchange(post("/")))
      assert.strictEqual(failure.reason, "provider_unavailable")
      assert.strictEqual(failure.message, "openai refused the connection")
      assert.isTrue(failure.isRetryable)
    })
  )

  it.effect("says that a host name does not resolve", () =>
    Effect.gen(function* () {
      const upstream = yield* Upstream.make(options("http://no-such-host.invalid"))
      const failure = yield* Effect.flip(upstream.exchange(post("/")))
      assert.strictEqual(failure.reason, "provider_unavailable")
      assert.match(failure.message, /host name/)
      assert.notInclude(failure.message, "invalid.")
    })
  )

  it.effect("says that a connection could not be made in time", () =>
    Effect.gen(function* () {
      const { port } = yield* muteServer
      const upstream = yield* Upstream.make(
        options(`https://127.0.0.1:${port}`, { connectTimeout: Duration.millis(20) })
      )
      const failure = yield* Effect.flip(upstream.exchange(post("/")))
      assert.strictEqual(failure.reason, "provider_timeout")
      assert.strictEqual(failure.timer, "connect")
      assert.strictEqual(failure.message, "openai took no connection within 20ms")
    })
  )

  it.effect("says that no answer began in time", () =>
    Effect.gen(function* () {
      const failure = yield* failing(Scripted.hang, { headersTimeout: Duration.millis(20) })
      assert.strictEqual(failure.reason, "provider_timeout")
      assert.strictEqual(failure.timer, "first_token")
    })
  )

  it.effect("says that the upstream fell silent in the middle of its answer, and closes the connection", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.steps(Scripted.sseHead, Scripted.write("x"), Scripted.hang)])
      const upstream = yield* Upstream.make(options(server.url, { idleTimeout: Duration.millis(20) }))
      const answer = yield* opened(upstream)
      const failure = yield* Effect.flip(text(answer.body))
      assert.strictEqual(failure.reason, "provider_timeout")
      assert.strictEqual(failure.timer, "idle")
      yield* (yield* server.take).abandoned
    })
  )

  for (const [how, step] of [
    ["resets", Scripted.reset],
    ["closes", Scripted.close]
  ] as const) {
    it.effect(`says that the upstream ${how} the connection before it answers`, () =>
      Effect.gen(function* () {
        const failure = yield* failing(step)
        assert.strictEqual(failure.reason, "provider_unavailable")
        assert.strictEqual(failure.message, "openai closed the connection before it answered")
      })
    )

    it.effect(`tells a body that the upstream ${how} from one that ends`, () =>
      Effect.gen(function* () {
        const failure = yield* failingStream(Scripted.steps(Scripted.sseHead, Scripted.write("half"), step))
        assert.strictEqual(failure.reason, "provider_failed")
        assert.strictEqual(failure.message, "openai closed the connection in the middle of its answer")
      })
    )

    it.effect(`does not take a whole answer that the upstream ${how} for whole`, () =>
      Effect.gen(function* () {
        const failure = yield* failing(
          Scripted.steps(Scripted.head(200, { "content-length": "100" }), Scripted.write("{}"), step)
        )
        assert.strictEqual(failure.reason, "provider_failed")
      })
    )
  }

  it.effect(
    "tells a chunked body that ends without its last chunk from one that ends, also where the connection was to close",
    () =>
      Effect.gen(function* () {
        const failure = yield* failingStream(
          Scripted.steps(
            Scripted.head(200, { connection: "close", "transfer-encoding": "chunked" }),
            Scripted.write("half"),
            Scripted.close
          )
        )
        assert.strictEqual(failure.reason, "provider_failed")
        assert.strictEqual(failure.message, "openai closed the connection in the middle of its answer")
      })
  )

  it.effect("gives what came before the cut, then the failure", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.steps(Scripted.sseHead, Scripted.write("half"), Scripted.reset)])
      const upstream = yield* Upstream.make(options(server.url))
      const answer = yield* opened(upstream)
      const seen: Array<string> = []
      const exit = yield* Effect.exit(
        Stream.runForEach(Stream.decodeText(answer.body), (piece) => Effect.sync(() => seen.push(piece)))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(seen, ["half"])
    })
  )

  it.effect("says that what answers does not speak HTTP", () =>
    Effect.gen(function* () {
      const failure = yield* failing(Scripted.raw("220 mail.example.org ESMTP\r\n"))
      assert.strictEqual(failure.reason, "provider_invalid_answer")
      assert.strictEqual(failure.message, "openai did not answer in HTTP")
    })
  )

  it.effect("refuses a whole answer of more than 16 MiB, and one in an encoding that it did not ask for", () =>
    Effect.gen(function* () {
      const large = yield* failing(
        Scripted.steps(
          Scripted.head(200),
          ...Array.from({ length: 17 }, () => Scripted.write(Buffer.alloc(1024 * 1024))),
          Scripted.end
        )
      )
      assert.strictEqual(large.reason, "provider_invalid_answer")
      assert.match(large.message, /more than 16 MiB/)
      const gzip = yield* failing(Scripted.text(200, "x", { "content-encoding": "gzip" }))
      assert.strictEqual(gzip.reason, "provider_invalid_answer")
      assert.match(gzip.message, /content-encoding/)
    })
  )

  it.effect("says which header cannot be sent, without its value", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([])
      const upstream = yield* Upstream.make(options(server.url))
      const failure = yield* Effect.flip(
        upstream.exchange({ ...post("/"), headers: { authorization: "Bearer secret\nkey" } })
      )
      assert.strictEqual(failure.reason, "provider_failed")
      assert.match(failure.message, /authorization/)
      assert.notInclude(failure.message, "secret")
    })
  )

  it.effect("refuses a base URL that cannot be one, at start", () =>
    Effect.gen(function* () {
      for (const [url, fault] of [
        ["nonsense", "is not a URL"],
        ["ftp://host/", "is neither http nor https"],
        ["https://user:password@host/", "must not carry a user or a password"]
      ] as const) {
        const error = yield* Effect.flip(Upstream.make(options(url)))
        assert.strictEqual(error._tag, "UpstreamOptionsError")
        assert.strictEqual(error.message, `The base URL of provider openai ${fault}`)
      }
    })
  )
})
