import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Schema } from "effect"
import { temporaryFolder } from "./calls.ts"
import { begin, call, drain, files, ids, life, small } from "./journals.ts"

/** What is done with the journal in some lives, one after another. */
const Steps = Schema.Array(Schema.Literals(["call", "call", "ship", "next", "open"])).check(Schema.isMaxLength(40))
const Lives = Schema.Array(Steps).check(Schema.isMaxLength(3))

describe("the journal's latest calls", () => {
  it.effect(
    "reads nothing from the disk of what it wrote itself, and is in no file of before when that was shipped",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const opened: Array<string> = []
        const reads = (_: string, flag: string | undefined) => void (flag === "r" && opened.push(_))
        yield* life(
          folder,
          (journal) =>
            Effect.gen(function* () {
              for (let round = 0; round < 20; round += 1) {
                yield* Effect.forEach(ids(20), (id) => call(journal, id))
                assert.deepStrictEqual(yield* drain(journal), ids(20))
                assert.strictEqual(files(folder).length, 1)
              }
            }),
          small
        ).pipe(Effect.provide(withOpens(reads)))
        assert.deepStrictEqual(opened, [])
      })
  )

  it.effect.prop(
    "gives each call once and in order, whether it is remembered, was forgotten, or an earlier process has left it",
    [Lives],
    ([lives]) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const expected: Array<string> = []
        const told: Array<string> = []
        let made = 0
        for (const [index, steps] of [...lives, []].entries()) {
          const toldNow: Array<string> = []
          yield* life(
            folder,
            (journal) =>
              Effect.gen(function* () {
                const shipOne = Effect.gen(function* () {
                  yield* journal.written
                  const portion = yield* journal.next
                  if (portion === undefined) return false
                  toldNow.push(...portion.calls.map(({ requestId }) => requestId))
                  yield* journal.shipped(portion)
                  return true
                })
                for (const step of steps) {
                  const id = `req_${(made += 1)}`
                  if (step === "ship") yield* shipOne
                  if (step === "next") yield* journal.next
                  if (step === "open") yield* begin(journal, id)
                  if (step !== "call") continue
                  yield* call(journal, id)
                  expected.push(id)
                }
                let isMore = index === lives.length
                while (isMore) isMore = yield* shipOne
              }),
            { segmentBytes: 500, mostBytes: 1_000_000, mostRecent: 4 }
          )
          assert.strictEqual(new Set(toldNow).size, toldNow.length)
          told.push(...toldNow)
        }
        // A file that was shipped in part is shipped again by the next process, which changes nothing.
        const ended = new Set(expected)
        assert.deepStrictEqual(
          [...new Set(told)].filter((id) => ended.has(id)),
          expected
        )
      }).pipe(Effect.provide(NodeFileSystem.layer)),
    { arbitrary: { runs: 60 } }
  )
})

/** The file system, where each file that is opened is told. */
const withOpens = (tell: (path: string, flag: string | undefined) => void) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({
      ...fs,
      open: (path: string, options?: Parameters<typeof fs.open>[1]) => {
        tell(path, options?.flag)
        return fs.open(path, options)
      }
    }))
  ).pipe(Layer.provide(NodeFileSystem.layer))
