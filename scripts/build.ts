/**
 * `npm run build`: `dist/main.js` (the service) and `dist/xrouter.js` (the command), each whole: they need Node and no
 * node_modules. Loading one file in place of a thousand is most of a start's time.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"
import { build } from "rolldown"

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** PGlite reads these from beside the module that holds its code. */
const databaseFiles = ["pglite.wasm", "pglite.data", "initdb.wasm"]

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  yield* fs.remove(at("dist"), { recursive: true, force: true })
  yield* Effect.tryPromise(() =>
    build({
      input: { main: at("src/main.ts"), xrouter: at("src/cli/main.ts") },
      platform: "node",
      tsconfig: at("tsconfig.json"),
      // PGlite's Emscripten code evaluates strings of its own; rolldown warns of it each time.
      checks: { eval: false },
      output: {
        dir: at("dist"),
        format: "esm",
        entryFileNames: "[name].js",
        chunkFileNames: "[name]-[hash].js",
        sourcemap: true
      }
    })
  )
  for (const file of databaseFiles) {
    yield* fs.copyFile(at(`node_modules/@electric-sql/pglite/dist/${file}`), at(`dist/${file}`))
  }
  for (const file of (yield* fs.readDirectory(at("dist"))).toSorted()) {
    const { size } = yield* fs.stat(at(`dist/${file}`))
    yield* Console.log(`dist/${file.padEnd(28)} ${(Number(size) / 1024).toFixed(0).padStart(7)} KiB`)
  }
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
