import { Effect, FileSystem } from "effect"
import { build, type Plugin } from "rolldown"

/** PGlite reads these from beside the module that holds its code. */
const databaseFiles = ["pglite.wasm", "pglite.data", "initdb.wasm"]

/** One place of a package's file, as the service wants it. On the same lines as before: what maps them stays as it is. */
const changed = (id: RegExp, from: string | RegExp, to: string, what: string): Plugin => {
  let isFound = false
  return {
    name: `changed: ${what}`,
    transform: {
      filter: { id },
      handler: (code) => {
        const now = code.replace(from, to)
        isFound ||= now !== code
        return { code: now, map: null }
      }
    },
    buildEnd: () => {
      if (!isFound) throw new Error(`A package has changed where it is changed here for the service (${what})`)
    }
  }
}

/**
 * Effect keeps an asynchronous context of Node's over each wait of a fiber, where Node has them, for whoever stores something in it
 * (`AsyncLocalStorage`). In the service nobody does, and a request waits eight times: 3 % of the main thread's time. The library is as
 * Effect is.
 */
const withoutAsyncContext = changed(
  /\/effect\/dist\/internal\/effect\.js$/,
  `globalThis.process?.getBuiltinModule?.("node:async_hooks")?.AsyncResource`,
  "undefined",
  "no asynchronous contexts"
)

/**
 * V8 puts a function among the old objects that is written where it is assigned to a property, taking it for a method. Each channel of
 * Effect's is made with such a function, which holds the request that it is for until V8 marks the old objects (decision 0023).
 */
const withYoungChannels = changed(
  /\/effect\/dist\/Channel\.js$/,
  /self\.transform = (\(upstream, scope\) => .*);$/m,
  "const transformed = $1; self.transform = transformed;",
  "young channels"
)

/** The same of a command to Redis, which holds its arguments and its answer. */
const withYoungCommands = changed(
  /\/ioredis\/built\/Command\.js$/,
  /this\.reject = (\(err\) => \{\n[\s\S]*?\n {12}\});$/m,
  "const rejected = $1; this.reject = rejected;",
  "young commands"
)

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
      plugins: [withoutAsyncContext, withYoungChannels, withYoungCommands],
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
