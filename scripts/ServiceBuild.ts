import { Effect, FileSystem } from "effect"
import { build, type Plugin } from "rolldown"

/** PGlite reads these from beside the module that holds its code. */
const databaseFiles = ["pglite.wasm", "pglite.data", "initdb.wasm"]

const asyncResource = `globalThis.process?.getBuiltinModule?.("node:async_hooks")?.AsyncResource`

/**
 * Effect keeps an asynchronous context of Node's over each wait of a fiber, where Node has them, for whoever stores something in it
 * (`AsyncLocalStorage`). In the service nobody does, and a request waits eight times: 3 % of the main thread's time. The library is as
 * Effect is.
 */
const withoutAsyncContext: Plugin = {
  name: "without-async-context",
  transform: {
    filter: { id: /\/effect\/dist\/internal\/effect\.js$/ },
    handler: (code) => {
      if (!code.includes(asyncResource)) throw new Error("Effect has its asynchronous contexts from somewhere else now")
      // On the same line: what maps the lines stays as it is.
      return { code: code.replace(asyncResource, "undefined"), map: null }
    }
  }
}

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
      plugins: [withoutAsyncContext],
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
