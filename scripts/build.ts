/**
 * `npm run build`: `dist/main.js` (the service) and `dist/xrouter.js` (the command), each whole: they need Node and no
 * node_modules; loading one file in place of a thousand is most of a start's time. Beside them the library (`LibraryBuild.ts`), but for
 * `npm run build -- service`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Stdio } from "effect"
import { fileURLToPath } from "node:url"
import { buildLibrary } from "./LibraryBuild.ts"
import { buildService } from "./ServiceBuild.ts"

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "")
const dist = `${root}/dist`

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { args } = yield* Stdio.Stdio
  yield* fs.remove(dist, { recursive: true, force: true })
  yield* buildService(root, dist)
  if (!(yield* args).includes("service")) yield* buildLibrary(root, dist)
  for (const file of (yield* fs.readDirectory(dist)).toSorted()) {
    const { size, type } = yield* fs.stat(`${dist}/${file}`)
    if (type === "File")
      yield* Console.log(`dist/${file.padEnd(28)} ${(Number(size) / 1024).toFixed(0).padStart(7)} KiB`)
  }
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
