import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Scope, Stream } from "effect"
import * as Upstream from "../../src/providers/Upstream.ts"
import { eventLoopTurns } from "../support/Loopback.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { opened, options, post } from "./upstreamRequests.ts"

describe("Upstream.exchange", () => {
  it.effect("appends the path to the base's own, sends headers and body, and answers status, headers and text", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.json(201, { сказано: "да" }, { "x-request-id": "u1" })])
      const upstream = yield* Upstream.make(options(`${server.url}/api/v1/`))
      const answer = yield* upstream.exchange({
        ...post("/chat"),
        headers: { authorization: "Bearer k" },
        body: '{"a":1}'
      })
      assert.strictEqual(answer.status, 201)
      assert.strictEqual(answer.headers["x-request-id"], "u1")
      assert.strictEqual(answer.text, '{"сказано":"да"}')
      const [received] = server.requests
      assert.strictEqual(received?.method, "POST")
      assert.strictEqual(received?.path, "/api/v1/chat")
      assert.strictEqual(received?.headers.authorization, "Bearer k")
      assert.strictEqual(received?.headers["accept-encoding"], "identity")
      assert.deepStrictEqual(received?.body, { a: 1 })
    })
  )

  it.effect("keeps the query of the base URL, and takes a base that is the whole URL of an endpoint", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make(() => Scripted.json(200, {}))
      const upstream = yield* Upstream.make(options(`${server.url}/oauth?v=2`))
      yield* upstream.exchange(post(""))
      yield* upstream.exchange(post("/x?y=1"))
      const root = yield* Upstream.make(options(server.url))
      yield* root.exchange(post(""))
      assert.deepStrictEqual(
        server.requests.map((request) => request.path),
        ["/oauth?v=2", "/oauth/x?y=1&v=2", "/"]
      )
    })
  )

  it.effect("does not follow redirects", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.text(302, "", { location: "/elsewhere" })])
      const upstream = yield* Upstream.make(options(server.url))
      const answer = yield* upstream.exchange(post("/chat"))
      assert.strictEqual(answer.status, 302)
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("strips a byte order mark and joins letters that packets cut", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from('\uFEFF"жук"')
      const server = yield* Scripted.make([
        Scripted.steps(
          Scripted.head(200),
          ...Array.from(bytes, (_, index) => Scripted.write(bytes.subarray(index, index + 1))),
          Scripted.end
        )
      ])
      const upstream = yield* Upstream.make(options(server.url))
      assert.strictEqual((yield* upstream.exchange(post("/"))).text, '"жук"')
    })
  )

  it.effect("reuses a connection for the next request", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make(() => Scripted.json(200, {}))
      const upstream = yield* Upstream.make(options(server.url))
      for (let round = 0; round < 5; round++) {
        yield* upstream.exchange(post("/"))
        yield* eventLoopTurns
      }
      assert.strictEqual(server.connections(), 1)
    })
  )

  it.effect("does not fail a request over a connection that the upstream closed while it was unused", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([
        Scripted.steps(Scripted.json(200, 1), Scripted.close),
        Scripted.steps(Scripted.json(200, 2), Scripted.reset),
        Scripted.json(200, 3)
      ])
      const upstream = yield* Upstream.make(options(server.url))
      const answers = yield* Effect.replicateEffect(upstream.exchange(post("/")), 3)
      assert.deepStrictEqual(
        answers.map((answer) => answer.text),
        ["1", "2", "3"]
      )
      assert.strictEqual(server.requests.length, 3)
    })
  )

  it.effect("answers as many requests at once as there are", () =>
    Effect.gen(function* () {
      const gate = yield* Latch.make()
      const server = yield* Scripted.make(() => Scripted.steps(Scripted.wait(gate), Scripted.json(200, {})))
      const upstream = yield* Upstream.make(options(server.url))
      const all = yield* Effect.forkChild(
        Effect.replicateEffect(upstream.exchange(post("/")), 50, { concurrency: "unbounded" })
      )
      yield* Effect.replicateEffect(server.take, 50)
      yield* gate.open
      assert.strictEqual((yield* Fiber.join(all)).length, 50)
    })
  )

  it.effect("closes the connection as soon as it is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.hang])
      const upstream = yield* Upstream.make(options(server.url))
      const fiber = yield* Effect.forkChild(upstream.exchange(post("/")))
      const received = yield* server.take
      yield* Fiber.interrupt(fiber)
      yield* received.abandoned
    })
  )

  it.effect("never sends a request that was interrupted before there was a connection", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make(() => Scripted.json(200, {}))
      const upstream = yield* Upstream.make(options(server.url))
      const fiber = yield* Effect.forkChild(upstream.exchange(post("/left")), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* upstream.exchange(post("/stays"))
      assert.deepStrictEqual(
        server.requests.map((request) => request.path),
        ["/stays"]
      )
    })
  )
})

describe("Upstream.stream", () => {
  it.effect("gives the headers before the body is there, and the body as it comes", () =>
    Effect.gen(function* () {
      const first = yield* Latch.make()
      const second = yield* Latch.make()
      const server = yield* Scripted.make([
        Scripted.steps(
          Scripted.sseHead,
          Scripted.wait(first),
          Scripted.write("one"),
          Scripted.wait(second),
          Scripted.write("two"),
          Scripted.end
        )
      ])
      const upstream = yield* Upstream.make(options(server.url))
      const answer = yield* opened(upstream)
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers["content-type"], "text/event-stream; charset=utf-8")
      yield* first.open
      const seen: Array<string> = []
      yield* Stream.runForEach(Stream.decodeText(answer.body), (piece) => {
        seen.push(piece)
        return second.open
      })
      assert.deepStrictEqual(seen, ["one", "two"])
    })
  )

  it.effect("pauses the upstream while nobody pulls, and loses nothing", () =>
    Effect.gen(function* () {
      const piece = Buffer.alloc(1024 * 1024, "x")
      const pieces = 64
      let written = 0
      const counted: Scripted.Step = (exchange) =>
        Effect.tap(Scripted.write(piece)(exchange), () => Effect.sync(() => written++))
      const server = yield* Scripted.make([
        Scripted.steps(Scripted.sseHead, ...Array.from({ length: pieces }, () => counted), Scripted.end)
      ])
      const upstream = yield* Upstream.make(options(server.url))
      const answer = yield* opened(upstream)
      yield* eventLoopTurns
      assert.isBelow(written, pieces)
      const size = yield* Stream.runFold(
        answer.body,
        () => 0,
        (size, bytes) => size + bytes.length
      )
      assert.strictEqual(size, pieces * piece.length)
    })
  )

  it.effect("closes the connection when its scope closes before the end", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.steps(Scripted.sseHead, Scripted.write("one"), Scripted.hang)])
      const upstream = yield* Upstream.make(options(server.url))
      const scope = yield* Scope.make()
      const answer = yield* upstream.stream(post("/"), scope)
      assert.strictEqual(yield* Stream.mkString(Stream.decodeText(Stream.take(answer.body, 1))), "one")
      const received = yield* server.take
      yield* Scope.close(scope, Exit.void)
      yield* received.abandoned
    })
  )

  it.effect("closes the connection when it is interrupted before the headers, though its scope stays open", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.hang])
      const upstream = yield* Upstream.make(options(server.url))
      const fiber = yield* Effect.forkChild(opened(upstream))
      const received = yield* server.take
      yield* Fiber.interrupt(fiber)
      yield* received.abandoned
    })
  )

  it.effect("keeps the connection of a body that was read to its end, or discarded shortly before it", () =>
    Effect.gen(function* () {
      const gate = yield* Latch.make()
      const server = yield* Scripted.make([
        Scripted.sse(1, 2),
        Scripted.steps(Scripted.sseHead, Scripted.frame("[DONE]"), Scripted.wait(gate), Scripted.end),
        Scripted.json(200, {})
      ])
      const upstream = yield* Upstream.make(options(server.url))
      yield* Effect.scoped(Effect.flatMap(opened(upstream), (answer) => Stream.runDrain(answer.body)))
      yield* eventLoopTurns
      yield* Effect.scoped(
        Effect.gen(function* () {
          const answer = yield* opened(upstream)
          yield* Stream.runDrain(Stream.take(answer.body, 1))
          yield* answer.discard
        })
      )
      yield* gate.open
      yield* eventLoopTurns
      yield* upstream.exchange(post("/"))
      assert.strictEqual(server.connections(), 1)
    })
  )

  it.effect("does not read on for ever for the sake of a discarded body", () =>
    Effect.gen(function* () {
      const flood = Array.from({ length: 200 }, () => Scripted.write(Buffer.alloc(1024)))
      const server = yield* Scripted.make([
        Scripted.steps(Scripted.sseHead, Scripted.frame("[DONE]"), ...flood, Scripted.hang)
      ])
      const upstream = yield* Upstream.make(options(server.url))
      const answer = yield* opened(upstream)
      yield* answer.discard
      yield* (yield* server.take).abandoned
    })
  )
})
