import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Scope } from "effect"
import { execFileSync } from "node:child_process"
import { createFile, DataFolderError, holdLock, makeDataFolder } from "../../src/storage/DataFolder.ts"

const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

/** The id of a process that has ended. */
const deadPid = () => Number(execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }))

layer(NodeFileSystem.layer, { excludeTestServices: true })("the data folder", (it) => {
  it.effect("is made for its owner alone", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* temporary}/deep/data`
      yield* makeDataFolder(path)
      yield* makeDataFolder(path)
      assert.strictEqual((yield* fs.stat(path)).mode & 0o777, 0o700)
    })
  )

  it.effect("is made by several at once, as the workers of one gateway do", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      for (let round = 0; round < 20; round++) {
        const path = `${yield* temporary}/deep/data`
        const folders = ["usage", "workers/2/usage", "workers/3/usage", "workers/3/usage"]
        yield* Effect.forEach(folders, (folder) => makeDataFolder(`${path}/${folder}`), { concurrency: "unbounded" })
        assert.deepStrictEqual((yield* fs.readDirectory(`${path}/workers`)).toSorted(), ["2", "3"])
      }
    })
  )

  it.effect("fails with its name where a file is in the way", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* temporary}/data`
      yield* fs.writeFileString(path, "")
      const error = yield* Effect.flip(makeDataFolder(path))
      assert.instanceOf(error, DataFolderError)
      assert.include(error.message, path)
    })
  )

  it.effect("fails where the folder above takes no other, and does not try for ever", () =>
    Effect.gen(function* () {
      for (const path of ["/proc/xrouter", "/proc/xrouter/deep"]) {
        const error = yield* Effect.flip(makeDataFolder(path))
        assert.strictEqual(error.message, `Cannot make the data folder ${path}`)
      }
    })
  )

  it.effect("of several that create a file at once, one does, and leaves no drafts", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* temporary
      const created = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, index) => `content ${index}`),
        (content) => createFile(`${folder}/file`, content),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(created.filter(Boolean).length, 1)
      assert.deepStrictEqual(yield* fs.readDirectory(folder), ["file"])
      assert.strictEqual((yield* fs.stat(`${folder}/file`)).mode & 0o777, 0o600)
    })
  )
})

layer(NodeFileSystem.layer, { excludeTestServices: true })("the lock", (it) => {
  it.effect("is refused while another holds it, with its process, and free afterwards", () =>
    Effect.gen(function* () {
      const path = `${yield* temporary}/lock`
      const first = yield* Scope.make()
      yield* Scope.provide(holdLock(path), first)
      const error = yield* Effect.flip(Effect.scoped(holdLock(path)))
      assert.include(error.message, `process ${process.pid}`)
      assert.include(error.message, "DATABASE_URL")
      yield* Scope.close(first, Effect.runSyncExit(Effect.void))
      yield* Effect.scoped(holdLock(path))
    })
  )

  const leftBehind: ReadonlyArray<readonly [what: string, content: () => string]> = [
    ["by a process that is dead", () => JSON.stringify({ pid: deadPid(), started: "1" })],
    ["by an earlier process of the same id", () => JSON.stringify({ pid: process.pid, started: "1" })],
    ["with nothing in it that can be read", () => "rubbish"]
  ]
  for (const [what, content] of leftBehind) {
    it.effect(`is taken over when it was left ${what}`, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* temporary
        yield* fs.writeFileString(`${folder}/lock`, content())
        yield* holdLock(`${folder}/lock`)
        assert.include(yield* fs.readFileString(`${folder}/lock`), String(process.pid))
        assert.deepStrictEqual(yield* fs.readDirectory(folder), ["lock"])
      })
    )
  }

  it.effect("of many that find a dead one, one takes over", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      for (let round = 0; round < 10; round++) {
        const path = `${yield* temporary}/lock`
        yield* fs.writeFileString(path, JSON.stringify({ pid: deadPid(), started: "1" }))
        const attempts = yield* Effect.all(
          Array.from({ length: 8 }, () => Effect.exit(holdLock(path))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(attempts.filter(({ _tag }) => _tag === "Success").length, 1)
      }
    })
  )
})
