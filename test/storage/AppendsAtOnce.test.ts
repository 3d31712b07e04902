import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, FileSystem, Layer } from "effect"
import { readFileSync } from "node:fs"
import * as AppendsAtOnce from "../../src/storage/AppendsAtOnce.ts"
import { temporaryFolder } from "../ledger/calls.ts"

const bytes = (text: string) => Buffer.from(text)

/** Node's, where what goes by its own `writeAll` is told first. */
const told = (tell: (text: string) => void) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({
      ...fs,
      open: (path: string, options?: Parameters<typeof fs.open>[1]) =>
        Effect.map(fs.open(path, options), (file) => {
          const writeAll = (content: Uint8Array) =>
            Effect.andThen(
              Effect.sync(() => tell(Buffer.from(content).toString())),
              file.writeAll(content)
            )
          return new Proxy(file, {
            get: (target, name) => (name === "writeAll" ? writeAll : Reflect.get(target, name, target))
          })
        })
    }))
  ).pipe(Layer.provide(NodeFileSystem.layer))

const atOnce = (tell: (text: string) => void) => AppendsAtOnce.layer.pipe(Layer.provide(told(tell)))

describe("a file that takes what is appended at once", () => {
  it.effect("has it before the effect's next step, behind what was there, and cut where it is told to", () =>
    Effect.gen(function* () {
      const path = `${yield* temporaryFolder}/lines`
      const byThreads: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          yield* fs.writeFileString(path, "a")
          const file = yield* fs.open(path, { flag: "a" })
          // No fiber waits here: it could not be run so.
          Effect.runSync(file.writeAll(bytes("b")))
          Effect.runSync(file.writeAll(bytes("c")))
          assert.strictEqual(readFileSync(path, "utf8"), "abc")
          yield* file.truncate(2)
          Effect.runSync(file.writeAll(bytes("d")))
          assert.strictEqual((yield* file.stat).size, 3n)
        })
      ).pipe(Effect.provide(atOnce((text) => void byThreads.push(text))))
      assert.strictEqual(readFileSync(path, "utf8"), "abd")
      assert.deepStrictEqual(byThreads, [])
    })
  )

  it.effect("is written by other threads for ten seconds after a write that the disk held up", () =>
    Effect.gen(function* () {
      const path = `${yield* temporaryFolder}/lines`
      const byThreads: Array<string> = []
      let millis = 0
      let lasts = 1
      const clock = new Proxy(yield* Clock.Clock, {
        get: (target, name) =>
          name === "monotonicTimeNanosUnsafe"
            ? () => BigInt((millis += lasts)) * 1_000_000n
            : Reflect.get(target, name, target)
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const file = yield* fs.open(path, { flag: "a" })
          yield* file.writeAll(bytes("a"))
          lasts = 21
          yield* file.writeAll(bytes("b"))
          lasts = 1
          yield* file.writeAll(bytes("c"))
          millis += 9_990
          yield* file.writeAll(bytes("d"))
          millis += 10
          yield* file.writeAll(bytes("e"))
        })
      ).pipe(Effect.provide(atOnce((text) => void byThreads.push(text))), Effect.provideService(Clock.Clock, clock))
      assert.strictEqual(readFileSync(path, "utf8"), "abcde")
      assert.deepStrictEqual(byThreads, ["c", "d"])
    })
  )

  it.effect("tells in the file system's words what cannot be written", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.open("/dev/full", { flag: "a" })
      const error = yield* Effect.flip(file.writeAll(bytes("a")))
      assert.include(String(error.cause ?? error.reason.cause), "ENOSPC")
    }).pipe(Effect.scoped, Effect.provide(atOnce(() => undefined)))
  )
})
