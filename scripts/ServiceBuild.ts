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

const channel = /self\.transform = (\(upstream, scope\) => .*);$/m

/**
 * V8 puts a function among the old objects that is written where it is assigned to a property, taking it for a method. Each channel of
 * Effect's is made with such a function, which holds the request that it is for until V8 marks the old objects (decision 0023).
 */
const withYoungChannels: Plugin = {
  name: "with-young-channels",
  transform: {
    filter: { id: /\/effect\/dist\/Channel\.js$/ },
    handler: (code) => {
      if (!channel.test(code)) throw new Error("Effect makes its channels in another way now")
      // On the same line.
      return { code: code.replace(channel, "const transformed = $1; self.transform = transformed;"), map: null }
    }
  }
}

const rejection = /this\.reject = (\(err\) => \{\n[\s\S]*?\n {12}\});$/m

/** The same of a command to Redis, which holds its arguments and its answer. */
const withYoungCommands: Plugin = {
  name: "with-young-commands",
  transform: {
    filter: { id: /\/ioredis\/built\/Command\.js$/ },
    handler: (code) => {
      if (!rejection.test(code)) throw new Error("ioredis makes its commands in another way now")
      return { code: code.replace(rejection, "const rejected = $1; this.reject = rejected;"), map: null }
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
