import { Effect, FileSystem, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { build, type Plugin } from "rolldown"

/** The entries of the package (`exports` of package.json), each over its file in `src`. */
export const entries: Readonly<Record<string, string>> = {
  index: "src/index.ts",
  client: "src/client.ts",
  ai: "src/ai/index.ts",
  testing: "src/testing/index.ts",
  providers: "src/providers/index.ts",
  "providers/gigachat": "src/providers/gigachat/index.ts",
  "providers/openai": "src/providers/openai/index.ts",
  "providers/sandbox": "src/providers/sandbox/index.ts",
  "providers/yandexgpt": "src/providers/yandexgpt/index.ts"
}

/** Effect's modules that are one value under the name of a namespace, by the folder that exports them together. */
const barrels = new Set(["effect", "effect/http", "effect/http-api", "effect/sql", "effect/process", "effect/ai"])

const imports = /^(import|export) (type )?\{([^}]*)\} from "(effect(?:\/[\w-]+)?)"$/gm

/**
 * `import { Effect } from "effect"` loads all of Effect, which takes longer than everything else together. Written out as the modules that
 * are meant, only these are loaded. A name that is no module stays where it was.
 */
const fromModules = (isModule: (specifier: string) => boolean): Plugin => ({
  name: "from-modules",
  transform: {
    filter: { id: /\.ts$/ },
    handler: (code) =>
      code.replace(imports, (statement, word: string, type: string | undefined, names: string, from: string) => {
        if (!barrels.has(from) || word === "export" || type !== undefined) return statement
        const kept: Array<string> = []
        const lines: Array<string> = []
        for (const name of names.split(",").map((name) => name.trim())) {
          if (name === "" || name.startsWith("type ")) continue
          const [imported = name, local = imported] = name.split(" as ")
          if (isModule(`${from}/${imported}`)) lines.push(`import * as ${local} from "${from}/${imported}"`)
          else kept.push(name)
        }
        if (kept.length > 0) lines.push(`import { ${kept.join(", ")} } from "${from}"`)
        // On one line, so that what is said of a place in the code is still true of the source.
        return lines.join("; ")
      })
  }
})

class DeclarationsFailed extends Schema.TaggedError<DeclarationsFailed>()("DeclarationsFailed", {
  message: Schema.String
}) {}

/** Effect's modules, as they are imported: `effect/Effect`, `effect/http/HttpRouter`. */
const effectModules = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const modules = new Set<string>()
  for (const barrel of barrels) {
    const files = yield* fs.readDirectory(`${root}/node_modules/effect/dist${barrel.slice("effect".length)}`)
    for (const file of files) {
      if (/^[A-Z]\w*\.js$/.test(file)) modules.add(`${barrel}/${file.slice(0, -".js".length)}`)
    }
  }
  return modules
})

/**
 * `library/*.js`, one file an entry and those that they share. Foreign packages stay imports, so that the application and its XRouter have
 * one Effect.
 */
export const bundleLibrary = Effect.fn("build.bundleLibrary")(function* (root: string, out: string) {
  const modules = yield* effectModules(root)
  yield* Effect.tryPromise(() =>
    build({
      input: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, `${root}/${path}`])),
      platform: "node",
      tsconfig: `${root}/tsconfig.json`,
      external: /^[^./]/,
      plugins: [fromModules((specifier) => modules.has(specifier))],
      output: {
        dir: `${out}/library`,
        format: "esm",
        entryFileNames: "[name].js",
        // As deep as the files that look for `migrations/` from where they are.
        chunkFileNames: "[name]-[hash].js"
      }
    })
  )
})

/** `types/`, a declaration for each file of `src` that an entry leads to. */
export const declareLibrary = Effect.fn("build.declareLibrary")(function* (root: string, out: string) {
  const handle = yield* ChildProcess.make(
    process.execPath,
    [`${root}/node_modules/typescript/bin/tsc`, "-p", `${root}/tsconfig.library.json`, "--outDir", `${out}/types`],
    { stdin: "ignore" }
  )
  const message = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
  if ((yield* handle.exitCode) !== 0) return yield* new DeclarationsFailed({ message })
}, Effect.scoped)

export const buildLibrary = (root: string, out: string) =>
  Effect.all([bundleLibrary(root, out), declareLibrary(root, out)], { concurrency: "unbounded", discard: true })
