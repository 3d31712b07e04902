import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, type Scope } from "effect"
import { connect } from "node:net"
import { elapsed } from "../support/Elapsed.ts"
import { eventually } from "../support/Eventually.ts"
import { adminKey, gatewayAt, hello, type TestGateway } from "../support/Gateway.ts"
import { type GatewayProcess, startProcess } from "../support/GatewayProcess.ts"
import { heldStream, wholeHeldStream } from "../support/HeldUpstream.ts"
import { startPostgres } from "../support/Postgres.ts"
import { startRedis } from "../support/Redis.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { freshDatabase } from "../support/TestDatabase.ts"

/** The gateway as a process with a server's settings, before an upstream that holds every answer until it is let go. */
const startDrainable = Effect.fnUntraced(function* (environment: Readonly<Record<string, string>> = {}) {
  const goOn = yield* Latch.make()
  const upstream = yield* Scripted.make(({ body, path }) => {
    if (path === "/models") return Scripted.json(200, { object: "list", data: [] })
    const isStreamed = typeof body === "object" && body !== null && "stream" in body && body.stream === true
    return isStreamed
      ? heldStream(goOn)
      : Scripted.steps(
          Scripted.wait(goOn),
          Scripted.json(200, {
            choices: [{ index: 0, message: { role: "assistant", content: "whole" }, finish_reason: "stop" }]
          })
        )
  })
  const process = yield* startProcess({
    DATABASE_URL: yield* freshDatabase,
    XROUTER_ADMIN_KEY: adminKey,
    XROUTER_JWT_SECRETS: `one:${Buffer.from("a secret of the tests, 32 bytes or more").toString("base64")}`,
    XROUTER_SANDBOX: "true",
    OPENAI_BASE_URL: upstream.url,
    XROUTER_DRAIN_GRACE: "0 seconds",
    ...environment
  })
  const gateway = gatewayAt(process.url, adminKey)
  const key = yield* gateway.makeKey({ limits: { concurrency: 10 } })
  /** Under way once the upstream has been asked. */
  const begin = Effect.fnUntraced(function* (stream: boolean, as = key) {
    const asked = upstream.requests.length
    const answer = yield* Effect.forkChild(gateway.chat(as, { ...hello, model: "openai/any", stream }), {
      startImmediately: true
    })
    yield* eventually(Effect.sync(() => upstream.requests.length > asked))
    return answer
  })
  return { process, gateway, key, begin, goOn, upstream, lines: linesOf(process) }
})

const linesOf = (process: GatewayProcess) => () =>
  process
    .stdout()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): Record<string, unknown> => JSON.parse(line))

const isRefused = (gateway: TestGateway) =>
  Effect.promise(() =>
    fetch(`${gateway.url}/health/live`).then(
      () => false,
      (error: Error) => String(error.cause).includes("ECONNREFUSED")
    )
  )

/** A connection that was opened and says what it is given, if anything; `closed` when the other side has ended it. */
const connection = (
  url: string,
  bytes: string
): Effect.Effect<{ readonly closed: () => boolean }, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly closed: () => boolean; readonly end: () => void }>((resume) => {
        let isClosed = false
        const { hostname, port } = new URL(url)
        const socket = connect(Number(port), hostname, () => {
          if (bytes === "") resume(Effect.succeed({ closed: () => isClosed, end: () => socket.destroy() }))
          else socket.write(bytes)
        })
        socket.on("data", () => resume(Effect.succeed({ closed: () => isClosed, end: () => socket.destroy() })))
        socket.on("error", () => {})
        socket.on("close", () => {
          isClosed = true
        })
      }),
      ({ end }) => Effect.sync(end)
    ),
    ({ closed }) => ({ closed })
  )

/** The frames of a stream. */
const framesOf = (text: string) =>
  text
    .split("\n\n")
    .filter((frame) => frame.startsWith("data: "))
    .map((frame) => frame.slice("data: ".length))

const assertDraining = (error: { readonly code: string; readonly details: { readonly reason: string } }) => {
  assert.deepStrictEqual([error.code, error.details.reason], ["internal_error", "draining"])
}

describe("a gateway that is told to stop", () => {
  it.live("is not ready at once and serves on for the grace, with answers that ask to close; then nobody gets in", () =>
    Effect.gen(function* () {
      const { gateway, key, process } = yield* startDrainable({ XROUTER_DRAIN_GRACE: "1500 millis" })
      const unused = yield* connection(gateway.url, "")
      const idle = yield* connection(gateway.url, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
      yield* process.signal("SIGTERM")
      const [, millis] = yield* elapsed(
        eventually(Effect.map(gateway.request("/health/ready"), ({ status }) => status === 503))
      )
      assert.isBelow(millis, 1000)
      const ready = yield* gateway.request("/health/ready")
      assertDraining(ready.json.error)
      assert.strictEqual(ready.headers.get("retry-after"), "1")
      assert.strictEqual((yield* gateway.request("/health/live")).status, 200)
      const served = yield* gateway.chat(key, hello)
      assert.strictEqual(served.status, 200)
      for (const { headers } of [ready, served]) assert.strictEqual(headers.get("connection"), "close")
      assert.isFalse(idle.closed())
      yield* eventually(isRefused(gateway))
      yield* eventually(Effect.sync(() => idle.closed() && unused.closed()))
      const [code, left] = yield* elapsed(process.exited)
      assert.strictEqual(code, 0)
      assert.isBelow(left, 3000)
    }).pipe(Effect.scoped)
  )

  it.live("loses no request of a balancer that asks whether it is ready", () =>
    Effect.gen(function* () {
      const { gateway, key, process } = yield* startDrainable({ XROUTER_DRAIN_GRACE: "1 second" })
      const outcomes = new Map<string, number>()
      const balancer = { sends: true }
      const probe = Effect.gen(function* () {
        while (balancer.sends) {
          balancer.sends = (yield* gateway.request("/health/ready")).status === 200
          yield* Effect.sleep("200 millis")
        }
      })
      const client = Effect.promise(async () => {
        while (balancer.sends) {
          const outcome = await fetch(`${gateway.url}/v1/chat/completions`, {
            method: "POST",
            headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
            body: JSON.stringify({ ...hello, stream: true })
          }).then(
            async (response) => `${response.status} ${(await response.text()).slice(-14)}`,
            (error: Error) => String(error.cause)
          )
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        }
      })
      const clients = yield* Effect.forkChild(
        Effect.all([probe, ...Array.from({ length: 8 }, () => client)], { concurrency: "unbounded" })
      )
      const served = () => outcomes.get("200 data: [DONE]\n\n") ?? 0
      yield* eventually(Effect.sync(() => served() > 50))
      yield* process.signal("SIGTERM")
      yield* Fiber.join(clients)
      assert.deepStrictEqual([...outcomes.keys()], ["200 data: [DONE]\n\n"])
      assert.strictEqual(yield* process.exited, 0)
    }).pipe(Effect.scoped)
  )

  it.live("lets running answers come to their end, streams and whole ones", () =>
    Effect.gen(function* () {
      const { begin, gateway, goOn, process } = yield* startDrainable()
      const answers = [yield* begin(true), yield* begin(true), yield* begin(false)]
      yield* process.signal("SIGTERM")
      yield* eventually(isRefused(gateway))
      yield* goOn.open
      const [stream, other, whole] = yield* Effect.forEach(answers, Fiber.join)
      for (const answer of [stream, other]) {
        assert.match(answer?.text ?? "", wholeHeldStream)
      }
      assert.strictEqual(whole?.json.choices[0].message.content, "whole")
      assert.strictEqual(whole?.headers.get("connection"), "close")
      const [code, millis] = yield* elapsed(process.exited)
      assert.strictEqual(code, 0, process.stderr())
      assert.isBelow(millis, 2000)
    }).pipe(Effect.scoped)
  )

  it.live("breaks off what is not at its end when the time is over, in words, and settles it", () =>
    Effect.gen(function* () {
      const { begin, lines, process, upstream } = yield* startDrainable({ XROUTER_DRAIN_TIMEOUT: "1 second" })
      const [stream, whole] = [yield* begin(true), yield* begin(false)]
      // The stream has begun.
      yield* Effect.sleep("100 millis")
      yield* process.signal("SIGTERM")
      const [code, millis] = yield* elapsed(process.exited)
      assert.strictEqual(code, 0, process.stderr())
      assert.isAtLeast(millis, 900)
      assert.isBelow(millis, 4000)

      const { status, text } = yield* Fiber.join(stream)
      assert.strictEqual(status, 200)
      const frames = framesOf(text)
      assertDraining(JSON.parse(frames.pop() ?? "").error)
      assert.include(frames.join(), '"one"')
      assert.notMatch(frames.join(), /"error"|\[DONE\]|"finish_reason":"/)

      const answer = yield* Fiber.join(whole)
      assert.strictEqual(answer.status, 503)
      assertDraining(answer.json.error)
      assert.strictEqual(answer.headers.get("retry-after"), "1")
      assert.strictEqual(answer.headers.get("x-request-id"), answer.json.error.details.request_id)

      // The upstream was left, and each is told of in the log with what it came to.
      for (const request of upstream.requests.slice(-2)) yield* request.abandoned
      const told = lines().filter(({ message, model }) => message === "request" && model === "openai/any")
      assert.deepStrictEqual(
        told.map(({ code, reason, status, stream }) => [stream, status, code, reason]).toSorted(),
        [
          [false, 503, "internal_error", "draining"],
          [true, 200, "internal_error", "draining"]
        ]
      )
      assert.isTrue(lines().some(({ message }) => message === "Broke off 2 answers that did not end in time"))
    }).pipe(Effect.scoped)
  )

  for (const second of ["SIGTERM", "SIGINT"] as const) {
    it.live(`does not wait any longer when it is told again (${second}), and says so to who is being served`, () =>
      Effect.gen(function* () {
        const { begin, gateway, process } = yield* startDrainable({ XROUTER_DRAIN_GRACE: "20 seconds" })
        const stream = yield* begin(true)
        yield* process.signal("SIGTERM")
        yield* eventually(Effect.map(gateway.request("/health/ready"), ({ status }) => status === 503))
        yield* Effect.sleep("300 millis")
        yield* process.signal(second)
        const [code, millis] = yield* elapsed(process.exited)
        assert.strictEqual(code, 0, process.stderr())
        assert.isBelow(millis, 2000)
        const frames = framesOf((yield* Fiber.join(stream)).text)
        assertDraining(JSON.parse(frames.at(-1) ?? "").error)
      }).pipe(Effect.scoped)
    )
  }

  it.live("takes the two signals of one keystroke for one", () =>
    Effect.gen(function* () {
      const { begin, gateway, goOn, process } = yield* startDrainable()
      const stream = yield* begin(true)
      yield* process.signal("SIGINT")
      yield* process.signal("SIGINT")
      yield* eventually(isRefused(gateway))
      yield* Effect.sleep("300 millis")
      yield* goOn.open
      assert.match((yield* Fiber.join(stream)).text, wholeHeldStream)
      assert.strictEqual(yield* process.exited, 0)
    }).pipe(Effect.scoped)
  )

  it.live("gives back the places of what it breaks off", () =>
    Effect.gen(function* () {
      const redis = yield* startRedis()
      const database = yield* freshDatabase
      const settings = { DATABASE_URL: database, REDIS_URL: redis.url }
      const one = yield* startDrainable({ ...settings, XROUTER_DRAIN_TIMEOUT: "500 millis" })
      const other = yield* startDrainable(settings)
      const key = yield* one.gateway.makeKey({ limits: { concurrency: 1 } })
      const stream = yield* one.begin(true, key)
      assert.strictEqual((yield* other.gateway.chat(key, hello)).status, 429)
      yield* one.process.signal("SIGTERM")
      assert.strictEqual(yield* one.process.exited, 0)
      yield* Fiber.join(stream)
      assert.strictEqual((yield* other.gateway.chat(key, hello)).status, 200)
    }).pipe(Effect.scoped)
  )

  it.live("ends in time while its database hangs", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const { gateway, key, process } = yield* startDrainable({ DATABASE_URL: server.url("postgres") })
      assert.strictEqual((yield* gateway.chat(key, hello)).status, 200)
      yield* server.pause
      yield* process.signal("SIGTERM")
      const [code, millis] = yield* elapsed(process.exited)
      assert.strictEqual(code, 0, process.stderr())
      assert.isBelow(millis, 12_000)
    }).pipe(Effect.scoped)
  )
})
