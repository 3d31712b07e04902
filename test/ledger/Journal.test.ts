import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Layer } from "effect"
import { systemError } from "effect/PlatformError"
import { TestClock } from "effect/testing"
import { appendFileSync, statSync, truncateSync } from "node:fs"
import { readLine } from "../../src/ledger/CallLine.ts"
import type { JournalSizes } from "../../src/ledger/Journal.ts"
import { journalLines, temporaryFolder } from "./calls.ts"
import { begin, call, drain, files, ids, killed, life, line, small } from "./journals.ts"

describe("the journal", () => {
  it.effect("has a call on the disk before it may be made, and readable by its owner alone", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* life(folder, (journal) =>
        Effect.gen(function* () {
          assert.isUndefined(yield* begin(journal, "req_1"))
          assert.deepStrictEqual(journalLines(folder), [line("req_1", "pending")])
          const [name] = files(folder)
          assert.strictEqual(statSync(`${folder}/usage/${name}`).mode & 0o777, 0o600)
          assert.strictEqual(statSync(`${folder}/usage`).mode & 0o777, 0o700)
        })
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("writes what comes together in few writes", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      let writes = 0
      yield* life(folder, (journal) =>
        Effect.gen(function* () {
          yield* Effect.forEach(ids(1000), (id) => call(journal, id), { concurrency: "unbounded" })
          yield* journal.written
          assert.strictEqual(journalLines(folder).length, 2000)
        })
      ).pipe(Effect.provide(withWrites(() => void writes++)))
      assert.isBelow(writes, 10)
    })
  )

  it.effect("gives what has ended once, in order, and is empty when all of it was shipped", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* life(folder, (journal) =>
        Effect.gen(function* () {
          yield* Effect.forEach(ids(3000), (id) => call(journal, id))
          yield* begin(journal, "req_open")
          assert.strictEqual(journal.waiting(), 3000)
          assert.deepStrictEqual(yield* drain(journal), ids(3000))
          assert.strictEqual(journal.waiting(), 0)
          assert.deepStrictEqual(yield* drain(journal), [])
          journal.end("req_open", line("req_open", "cancelled"))
          assert.deepStrictEqual(yield* drain(journal), ["req_open"])
        })
      )
      assert.deepStrictEqual(files(folder), [])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("gives a portion again until it was shipped", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* life(folder, (journal) =>
        Effect.gen(function* () {
          yield* call(journal, "req_1")
          yield* journal.written
          const first = yield* journal.next
          assert.deepStrictEqual(yield* journal.next, first)
          if (first !== undefined) yield* journal.shipped(first)
          assert.isUndefined(yield* journal.next)
        })
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("keeps what was not shipped for the next process", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* life(folder, (journal) => Effect.forEach(ids(20), (id) => call(journal, id)), small)
      yield* life(
        folder,
        (journal) =>
          Effect.gen(function* () {
            assert.strictEqual(journal.waiting(), 20)
            yield* call(journal, "req_new")
            assert.deepStrictEqual(yield* drain(journal), [...ids(20), "req_new"])
          }),
        small
      )
      assert.deepStrictEqual(files(folder), [])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("tells of the calls that a process died in, each once, as interrupted", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* killed(folder, (journal) =>
        Effect.gen(function* () {
          yield* Effect.forEach(ids(20, "open"), (id) => begin(journal, id))
          yield* Effect.forEach(ids(20), (id) => call(journal, id))
        })
      )
      // The next one is killed before it has shipped any.
      yield* killed(folder, (journal) => Effect.sync(() => assert.strictEqual(journal.waiting(), 40)))
      yield* life(folder, (journal) =>
        Effect.gen(function* () {
          const told = yield* drain(journal)
          assert.deepStrictEqual([...told].sort(), [...ids(20), ...ids(20, "open")].sort())
        })
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("passes over what was cut short or spoiled, and loses nothing beside it", () =>
    Effect.gen(function* () {
      const whole = `${line("req_1", "pending")}\n${line("req_1", "completed")}\n${line("req_2", "pending")}\n`
      const spoiled = `\0\0\0\n{"request_id":"req_x"}\nnothing\n${line("req_3", "completed")}\n`
      const last = line("req_4", "completed", `,"attempts":[{"provider":"a"}]`)
      // Cut at every byte of the last line.
      for (let cut = 0; cut <= last.length + 1; cut += 1) {
        const folder = yield* temporaryFolder
        yield* life(folder, () => Effect.void)
        const text = `${whole}${spoiled}${last}\n`
        appendFileSync(`${folder}/usage/0000000007.jsonl`, text)
        truncateSync(`${folder}/usage/0000000007.jsonl`, text.length - (last.length + 1) + cut)
        yield* life(folder, (journal) =>
          Effect.gen(function* () {
            const isWhole = cut === last.length + 1
            const expected = ["req_1", "req_3", ...(isWhole ? ["req_4"] : []), "req_2"]
            assert.strictEqual(journal.waiting(), expected.length, `cut at ${cut}`)
            yield* call(journal, "req_5")
            assert.deepStrictEqual(yield* drain(journal), [...expected, "req_5"], `cut at ${cut}`)
          })
        )
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("goes on in new files, and takes along the calls that run", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const sizes: JournalSizes = { segmentBytes: 1000, mostBytes: 1_000_000 }
      yield* killed(
        folder,
        (journal) =>
          Effect.gen(function* () {
            yield* begin(journal, "req_long")
            yield* Effect.forEach(ids(100), (id) => call(journal, id))
            yield* journal.written
            assert.isAbove(files(folder).length, 5)
            yield* drain(journal)
            // The begin of the long call stood in the first file.
            assert.strictEqual(files(folder).length, 1)
            assert.isTrue(journalLines(folder).includes(line("req_long", "pending")))
          }),
        sizes
      )
      yield* life(
        folder,
        (journal) =>
          Effect.gen(function* () {
            const told = yield* drain(journal)
            assert.isTrue(told.includes("req_long"))
          }),
        sizes
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect(
    "that is full takes no further call, ends those that run, and takes calls again when some are shipped",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        yield* life(
          folder,
          (journal) =>
            Effect.gen(function* () {
              yield* begin(journal, "req_long")
              let made = 0
              while ((yield* begin(journal, `req_${made}`)) === undefined) {
                journal.end(`req_${made}`, line(`req_${made}`, "completed"))
                made += 1
              }
              assert.isAbove(made, 10)
              assert.include((yield* begin(journal, "req_more"))?.message, "full")
              journal.end("req_long", line("req_long", "completed"))
              assert.deepStrictEqual(yield* drain(journal), [...ids(made), "req_long"])
              assert.isUndefined(yield* begin(journal, "req_again"))
              assert.deepStrictEqual(
                journal.running(Number.POSITIVE_INFINITY).map(({ requestId }) => requestId),
                ["req_again"]
              )
            }),
          small
        )
      }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("that cannot be written refuses calls, keeps their ends, and goes on when it can", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      let isFull = false
      yield* life(folder, (journal) =>
        Effect.gen(function* () {
          yield* begin(journal, "req_long")
          isFull = true
          assert.include((yield* begin(journal, "req_1"))?.message, "cannot be written")
          journal.end("req_long", line("req_long", "completed"))
          assert.include((yield* soon(begin(journal, "req_2")))?.message, "cannot be written")
          assert.deepStrictEqual(journalLines(folder), [line("req_long", "pending")], "no half of a line is left")
          isFull = false
          assert.isUndefined(yield* soon(begin(journal, "req_3")))
          assert.deepStrictEqual(yield* drain(journal), ["req_long"])
          assert.deepStrictEqual(
            journal.running(Number.POSITIVE_INFINITY).map(({ requestId }) => requestId),
            ["req_3"]
          )
        })
      ).pipe(Effect.provide(withWrites(() => isFull)))
      yield* life(folder, (journal) => Effect.map(drain(journal), (told) => assert.include(told, "req_3")))
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("has one owner", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* life(folder, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(life(folder, () => Effect.void))
          assert.match(error.message, /^The usage journal is in use by process \d+ .*another XROUTER_DATA_DIR/)
        })
      )
      yield* life(folder, () => Effect.void)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("knows the calls that run since before a time and were not told of", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* life(folder, (journal) =>
        Effect.gen(function* () {
          yield* Effect.forEach(ids(5), (id, index) => begin(journal, id, 100 + index))
          journal.end("req_1", line("req_1", "failed"))
          const names = (before: number) => journal.running(before).map(({ requestId }) => requestId)
          assert.deepStrictEqual(names(103), ["req_0", "req_2"])
          journal.told(journal.running(103))
          assert.deepStrictEqual(names(1000), ["req_3", "req_4"])
        })
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("a line of the journal", () => {
  it("is read by its first two fields, and only when it is whole", () => {
    assert.deepStrictEqual(readLine(line("req_1", "pending")), { requestId: "req_1", isPending: true })
    assert.deepStrictEqual(readLine(line("req_1", "failed")), { requestId: "req_1", isPending: false })
    for (const other of [
      "",
      "{}",
      line("req 1", "pending"),
      `${line("req_1", "pending")} `,
      line("req_1", "failed").slice(0, -1)
    ]) {
      assert.isUndefined(readLine(other))
    }
  })
})

/** Answered at the journal's next try. */
const soon = <A>(answer: Effect.Effect<A>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(answer, { startImmediately: true })
    yield* TestClock.adjust("500 millis")
    return yield* Fiber.join(fiber)
  })

/** The file system, where each write is told, and fails half way where it is answered with true: the disk is full. */
const withWrites = (told: () => boolean | void) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({
      ...fs,
      open: (path: string, options?: Parameters<typeof fs.open>[1]) =>
        Effect.map(fs.open(path, options), (file) => {
          const writeAll = (bytes: Uint8Array) => {
            if (told() !== true) return file.writeAll(bytes)
            return Effect.andThen(
              file.writeAll(bytes.subarray(0, bytes.length / 2)),
              Effect.fail(
                systemError({ _tag: "Unknown", module: "FileSystem", method: "writeAll", description: "ENOSPC" })
              )
            )
          }
          return new Proxy(file, {
            get: (target, name) => (name === "writeAll" ? writeAll : Reflect.get(target, name, target))
          })
        })
    }))
  ).pipe(Layer.provide(NodeFileSystem.layer))
