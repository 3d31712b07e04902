import { Effect, FileSystem } from "effect"
import { build } from "rolldown"

/** PGlite reads these from beside the module that holds its code. */
const databaseFiles = ["pglite.wasm", "pglite.data", "initdb.wasm"]

/** `main.js`, `xrouter.js`, the `worker.js` that both may start, and what they share. */
export const buildService = Effect.fn("build.service")(function* (root: string, out: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.tryPromise(() =>
    build({
      input: { main: `${root}/src/main.ts`, worker: `${root}/src/worker.ts`, xrouter: `${root}/src/cli/main.ts` },
      platform: "node",
      tsconfig: `${root}/tsconfig.json`,
      // PGlite's Emscripten code evaluates strings of its own; rolldown warns of it each time.
      checks: { eval: false },
      output: {
        dir: out,
        format: "esm",
        entryFileNames: "[name].js",
        chunkFileNames: "[name]-[hash].js",
        sourcemap: true
      }
    })
  )
  for (const file of databaseFiles) {
    yield* fs.copyFile(`${root}/node_modules/@electric-sql/pglite/dist/${file}`, `${out}/${file}`)
  }
})
