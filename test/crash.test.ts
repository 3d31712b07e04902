import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import { StartError } from "../src/StartError.ts"
import { withoutWords } from "../src/Uncaught.ts"
import { filesOf } from "./docs/Page.ts"
import { canary, type CanaryGateway, startCanaryGatewayWith } from "./support/CanaryGateway.ts"
import { runChild } from "./support/Child.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const rejecting = fileURLToPath(new URL("support/rejecting.ts", import.meta.url))
const throwOnSignal = fileURLToPath(new URL("support/ThrowOnSignal.ts", import.meta.url))

const messages = [{ role: "user", content: `A prompt with ${canary} in it` }]

/** A gateway that dies by a signal with prompts, keys and answers in its memory, and what it has left behind. */
const crash = Effect.fnUntraced(function* (signal: NodeJS.Signals) {
  const { gateway, lines, process }: CanaryGateway = yield* startCanaryGatewayWith({
    NODE_OPTIONS: `--import=${throwOnSignal}`
  })
  const key = yield* gateway.makeKey()
  for (const model of ["gigachat", "openai/gpt-test", "sandbox/echo"]) {
    yield* gateway.chat(key, { model, messages })
    yield* gateway.chat(`xr-pro-${canary}`, { model, messages, stream: true })
  }
  yield* process.signal(signal)
  const code = yield* process.exited
  const written = process.stdout() + process.stderr()
  for (const secret of [canary, key, key.slice(-20)]) assert.notInclude(written, secret)
  assert.deepStrictEqual(
    readdirSync(process.folder, { recursive: true, encoding: "utf8" }).filter((file) =>
      /report|heap|snapshot/i.test(file)
    ),
    []
  )
  return { code, stderr: process.stderr(), last: code === null ? undefined : lines().at(-1), requests: lines().length }
}, Effect.scoped)

describe("a gateway that dies", () => {
  it.live(
    "by an error that nobody has caught says where, in a line of its log, and of what it was working on nothing",
    () =>
      Effect.gen(function* () {
        const { code, last, requests, stderr } = yield* crash("SIGUSR2")
        const { stack, ts, ...line } = last ?? assert.fail("there is no line")
        assert.deepStrictEqual(line, {
          level: "fatal",
          message: "The process ends: nobody has caught an error",
          origin: "uncaughtException",
          error: "SyntaxError",
          error_code: "ERR_OF_THE_TEST"
        })
        assert.match(ts, /^20\d\d-/)
        assert.match(String(stack), /^at carrying \(file:\/\/\S+ThrowOnSignal\.ts:\d+:\d+\)\nat /)
        assert.strictEqual(code, 1)
        assert.strictEqual(stderr, "")
        assert.isAbove(requests, 6)
      }),
    60_000
  )

  it.live(
    "by a signal that ends it on the spot leaves no word",
    () => Effect.map(crash("SIGABRT"), (crashed) => assert.deepInclude(crashed, { code: null, stderr: "" })),
    60_000
  )

  it.live("by a promise that nobody waited for says as little", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* runChild(process.execPath, [rejecting], {
        cwd: root,
        environment: { SECRET: canary }
      })
      assert.strictEqual(code, 1)
      assert.strictEqual(err, "")
      assert.notInclude(out, canary)
      assert.deepInclude(JSON.parse(out), {
        level: "fatal",
        message: "The process ends: nobody has caught an error",
        origin: "unhandledRejection",
        error: "UnhandledPromiseRejection",
        error_code: "ERR_UNHANDLED_REJECTION"
      })
    })
  )

  it("was told nowhere to leave a report, a core or a snapshot of its memory", () => {
    const compose: { services: { gateway: { ulimits: unknown } } } = parse(
      readFileSync(`${root}docker-compose.yml`, "utf8")
    )
    assert.deepStrictEqual(compose.services.gateway.ulimits, { core: 0 })
    const told = filesOf(root).filter((path) =>
      /(^|\/)(Dockerfile|package\.json|\.npmrc)$|^src\/|^ops\/|\.ya?ml$/.test(path)
    )
    assert.isAbove(told.length, 100)
    for (const path of told) {
      assert.notMatch(
        readFileSync(`${root}${path}`, "utf8"),
        /--report-|reportOn(FatalError|Signal|UncaughtException)|--heapsnapshot|--abort-on|--heap-prof|writeHeapSnapshot/,
        path
      )
    }
  })
})

describe("an error without its words", () => {
  it("is its kind and its place", () => {
    const secret = `${canary} of the error`
    const error = Object.assign(new TypeError(secret, { cause: new Error(secret) }), { code: "ECONNRESET", secret })
    const told = withoutWords(error)
    assert.deepInclude(told, { error: "TypeError", error_code: "ECONNRESET" })
    assert.match(String(told["stack"]), /^at .*crash\.test\.ts:\d+:\d+/)
    assert.notInclude(JSON.stringify(told), canary)
  })

  it("is little where little is known, and nothing of what could be anything", () => {
    for (const [error, kind] of [
      [canary, "string"],
      [{ secret: canary }, "object"],
      [undefined, "undefined"],
      [Object.assign(new Error(canary), { name: `Error ${canary}`, code: canary, stack: `Error: ${canary}` }), "Error"],
      [Object.assign(new Error("x"), { stack: canary }), "Error"]
    ] as const) {
      const told = withoutWords(error)
      assert.strictEqual(told["error"], kind)
      assert.notInclude(JSON.stringify(told), canary)
    }
  })

  it("is told with its message where the gateway cannot start, as there is no request yet that it could quote", () => {
    const { message } = StartError.fromDefect(Object.assign(new RangeError("out of it"), { secret: canary }))
    assert.match(
      message,
      /^XRouter has a fault and cannot go on \(RangeError\)\. out of it\n {4}at .*crash\.test\.ts:\d+:\d+/
    )
    assert.notInclude(message, canary)
  })
})
