import { execFileSync, spawnSync } from "node:child_process"
import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as NodePath from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { LogOptions } from "../../src/telemetry/LogOptions.ts"
import { LogOutput } from "../../src/telemetry/LogOutput.ts"

const options = Layer.succeed(LogOptions, { format: "json", level: "info" })

const outputTo = (descriptor: number) => LogOutput.layerDescriptor(descriptor).pipe(Layer.provide(options))

/** As of one of several processes. */
const outputOf = (worker: number, descriptor: number) =>
  LogOutput.layerDescriptor(descriptor).pipe(
    Layer.provide(Layer.succeed(LogOptions, { format: "json", level: "info", worker }))
  )

const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => NodeFs.mkdtempSync(NodePath.join(NodeOs.tmpdir(), "xrouter-log-"))),
  (path) => Effect.sync(() => NodeFs.rmSync(path, { recursive: true }))
)

const opened = (path: string, flags: number): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => NodeFs.openSync(path, flags)),
    (descriptor) => Effect.sync(() => NodeFs.closeSync(descriptor))
  )

const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = NodeFs.constants

const logFile = Effect.gen(function* () {
  const path = NodePath.join(yield* folder, "log")
  const descriptor = yield* opened(path, O_CREAT | O_APPEND | O_WRONLY)
  return { descriptor, lines: () => NodeFs.readFileSync(path, "utf8").split("\n").slice(0, -1) }
})

/** A pipe that nobody reads until `read` is called; then all that is in it at that moment. */
const pipe = Effect.gen(function* () {
  const path = NodePath.join(yield* folder, "pipe")
  execFileSync("mkfifo", [path])
  const readEnd = yield* opened(path, O_RDONLY | O_NONBLOCK)
  const descriptor = yield* opened(path, O_WRONLY)
  const chunk = Buffer.alloc(1 << 20)
  const readSome = (most: number) =>
    Effect.try(() => chunk.toString("latin1", 0, NodeFs.readSync(readEnd, chunk, 0, most, null))).pipe(
      Effect.orElseSucceed(() => "")
    )
  return { descriptor, read: readSome(chunk.length), readSome }
})

describe("LogOutput", () => {
  it.effect("writes the lines of a moment at once, in their order", () =>
    Effect.gen(function* () {
      const file = yield* logFile
      yield* Effect.gen(function* () {
        const output = yield* LogOutput
        yield* Effect.yieldNow
        output.write("first")
        output.write("второй")
        assert.deepStrictEqual(file.lines(), [])
      }).pipe(Effect.provide(outputTo(file.descriptor)))
      assert.deepStrictEqual(file.lines(), ["first", "второй"])
    }).pipe(Effect.scoped)
  )

  it.live("writes without being closed, soon", () =>
    Effect.gen(function* () {
      const queue = yield* pipe
      const read = yield* Effect.gen(function* () {
        const output = yield* LogOutput
        output.write("line")
        return yield* Effect.delay(queue.read, "10 millis").pipe(Effect.repeat({ until: (text) => text !== "" }))
      }).pipe(Effect.provide(outputTo(queue.descriptor)))
      assert.strictEqual(read, "line\n")
    }).pipe(Effect.scoped)
  )

  it.effect("writes what comes after it was closed, at once", () =>
    Effect.gen(function* () {
      const file = yield* logFile
      const output = yield* Effect.provide(LogOutput, outputTo(file.descriptor))
      output.write("late")
      assert.deepStrictEqual(file.lines(), ["late"])
    }).pipe(Effect.scoped)
  )

  it.live("keeps what a stalled reader does not take, up to a bound, and tells how much was lost", () =>
    Effect.gen(function* () {
      const queue = yield* pipe
      const written = 20_000
      const text = yield* Effect.gen(function* () {
        const output = yield* LogOutput
        const line = "x".repeat(600)
        for (let i = 0; i < written; i++) output.write(line)
        // The reader comes back.
        let read = ""
        while (!read.includes("were lost")) {
          read += yield* Effect.delay(queue.read, "1 millis")
        }
        return read
      }).pipe(Effect.provide(outputTo(queue.descriptor)))

      const lines = text.split("\n").slice(0, -1)
      const loss = JSON.parse(lines.at(-1) ?? "")
      assert.strictEqual(loss.level, "warn")
      assert.isAbove(loss.lines, 0)
      assert.strictEqual(lines.length - 1 + loss.lines, written)
    }).pipe(Effect.scoped)
  )

  it.live("breaks no line where several processes write to one pipe, however slowly it is read", () =>
    Effect.gen(function* () {
      const queue = yield* pipe
      const lines = (worker: number) =>
        Array.from({ length: 600 }, (_, index) => `${worker} ${String(index).padEnd(100 + (index % 300), "x")} end`)
      const writing = (worker: number) =>
        Effect.gen(function* () {
          const output = yield* LogOutput
          for (const line of lines(worker)) output.write(line)
          // What does not fit into the pipe waits for its reader.
          return yield* Effect.never
        }).pipe(Effect.provide(outputOf(worker, queue.descriptor)), Effect.forkScoped)
      // So that now one and now the other finds the room that the reader has made.
      const writers = [yield* writing(1), yield* Effect.delay(writing(2), "3 millis")]
      let text = ""
      while (text.split("\n").length <= 1200) text += yield* Effect.delay(queue.readSome(5000), "1 millis")
      yield* Fiber.interruptAll(writers)
      const read = text.split("\n").slice(0, -1)
      for (const worker of [1, 2]) {
        assert.deepStrictEqual(
          read.filter((line) => line.startsWith(`${worker} `)),
          lines(worker)
        )
      }
    }).pipe(Effect.scoped)
  )

  it.effect("stops within a second when the reader has stalled", () =>
    Effect.gen(function* () {
      const queue = yield* pipe
      const stopping = yield* Effect.gen(function* () {
        const output = yield* LogOutput
        for (let i = 0; i < 1000; i++) output.write("x".repeat(1000))
      }).pipe(Effect.provide(outputTo(queue.descriptor)), Effect.forkChild)
      yield* Effect.yieldNow
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.await(stopping)
    }).pipe(Effect.scoped)
  )

  it.effect("lives on when nobody can read any more", () =>
    Effect.gen(function* () {
      const path = NodePath.join(yield* folder, "pipe")
      execFileSync("mkfifo", [path])
      const bothEnds = NodeFs.openSync(path, O_RDWR)
      const descriptor = yield* opened(path, O_WRONLY)
      yield* Effect.gen(function* () {
        const output = yield* LogOutput
        NodeFs.closeSync(bothEnds)
        output.write("to nobody")
        yield* TestClock.adjust("1 second")
        output.write("to nobody")
      }).pipe(Effect.provide(outputTo(descriptor)))
    }).pipe(Effect.scoped)
  )

  it("writes the last words of a process that ends at once", () => {
    const program = fileURLToPath(new URL("lastWords.ts", import.meta.url))
    const ended = spawnSync(process.execPath, [program], { encoding: "utf8" })
    assert.strictEqual(ended.status, 3, ended.stderr)
    assert.strictEqual(ended.stdout, "last words\n")
  })
})
