import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { readPage } from "../docs/Page.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import * as YandexUpstream from "../support/YandexUpstream.ts"
import { packLibrary, type PackedLibrary, root, run } from "./PackedLibrary.ts"

class Packed extends Context.Service<Packed, PackedLibrary>()("Packed") {
  static readonly layer = Layer.effect(Packed, packLibrary)
}

/** Programs of the documentation, each with what it writes. */
const snippets = readPage(root, "docs/library.md")
  .blocks.filter(({ language }) => language === "ts")
  .map(({ code, line }) => ({ name: `snippet-${line}.ts`, code }))

const written: Readonly<Record<string, RegExp>> = {
  "router.ts": /^sandbox\/echo: Hello\nA story in many pieces\nvalidation_error: model_not_found\n$/,
  "own-provider.ts": /^HELL HELL\n.*provider_error: Lost its voice\n$/s,
  "own-limits.ts": /1: answered\n2: answered\n3: There are 2 answers for each\n/,
  "mounted.ts": /The application's own page\nThe gateway has sandbox\/echo, /,
  "language-model.ts": /^Looking at Казань\nМинус пять, холодно\.\nШапку\n и\n шарф\.\n$/,
  "scripted-provider.ts": /pass 3\n[^]*fail 0\n/,
  "provider-contract.ts": /pass 16\n[^]*fail 0\n/,
  "web-handler.ts": /200 text\/event-stream; charset=utf-8\nstreamed\n/
}

const examples = readdirSync(`${root}/examples/library`).map((name) => ({
  name,
  code: readFileSync(`${root}/examples/library/${name}`, "utf8")
}))

/** What an example needs to find: a database, or a vendor that answers what it is about. */
const environmentOf = Effect.fnUntraced(function* (code: string) {
  if (code.includes("DATABASE_URL")) return { DATABASE_URL: yield* freshDatabase }
  if (!code.includes("YANDEX_API_KEY")) return {}
  const vendor = yield* YandexUpstream.make()
  vendor.next(
    YandexUpstream.callsFunctions([{ name: "weather", arguments: { city: "Казань" } }]),
    YandexUpstream.says("Минус пять, холодно."),
    YandexUpstream.says("Шапку и шарф.")
  )
  return { YANDEX_API_KEY: vendor.apiKey, YANDEX_FOLDER_ID: vendor.folderId, YANDEX_BASE_URL: vendor.baseUrl }
})

const strict = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  verbatimModuleSyntax: true,
  noEmit: true,
  target: "es2024",
  types: ["node"]
}

const server = { lib: ["es2024", "esnext.disposable"] }
const browser = { lib: [...server.lib, "dom", "dom.iterable", "dom.asynciterable"] }

/** The two ways in which packages are found, and the two kinds of global types that an application may have. */
const kinds = {
  nodenext: { ...strict, ...server, module: "nodenext", skipLibCheck: true },
  // Effect's own declarations need those of a browser. So looked at, ours have no fault either.
  bundler: { ...strict, ...browser, module: "preserve", moduleResolution: "bundler", skipLibCheck: false }
}

layer(Packed.layer, { timeout: 240_000, excludeTestServices: true })("the package", (it) => {
  it.effect("holds the build, the migrations and its papers, and nothing else", () =>
    Effect.gen(function* () {
      const { files, manifest } = yield* Packed
      const expected =
        /^(dist\/[\w-]+\.js|dist\/(pglite\.(wasm|data)|initdb\.wasm)|dist\/library\/(\w+\/)?[\w-]+\.js|dist\/types\/([\w-]+\/)*\w+\.d\.ts|migrations\/\d{4}_\w+\.sql|package\.json|README\.md|LICENSE)$/
      assert.deepStrictEqual(
        files.filter((file) => !expected.test(file)),
        []
      )
      const named = [
        ...Object.values(manifest.bin),
        ...Object.values(manifest.exports).flatMap((target) =>
          typeof target === "string" ? [target] : Object.values(target)
        )
      ]
      for (const target of named.map((path) => path.replace("./", ""))) {
        const [before = "", after] = target.split("*")
        const isThere = (file: string) =>
          after === undefined ? file === target : file.startsWith(before) && file.endsWith(after)
        assert.isTrue(files.some(isThere), target)
      }
      assert.isFalse(manifest.sideEffects)
      assert.deepStrictEqual(
        files.filter((file) => file.startsWith("migrations/")).map((file) => file.slice("migrations/".length)),
        readdirSync(`${root}/migrations`).filter((file) => file.endsWith(".sql"))
      )
    })
  )

  it.effect("tells an application's npm nothing of the checkout, which keeps its own manifest", () =>
    Effect.gen(function* () {
      const { kept, project } = yield* Packed
      const text = readFileSync(`${project}/node_modules/xrouter/package.json`, "utf8")
      assert.deepStrictEqual(
        ["devDependencies", "optionalDependencies", "scripts"].filter((part) => text.includes(`"${part}"`)),
        []
      )
      assert.strictEqual(kept, readFileSync(`${root}/package.json`, "utf8"))
    })
  )

  it.effect("has a command that needs nothing beside it", () =>
    Effect.gen(function* () {
      const { project } = yield* Packed
      const version = yield* run(process.execPath, [`${project}/node_modules/xrouter/dist/xrouter.js`, "--version"], {
        cwd: project
      })
      assert.include(version, "0.1.0")
    })
  )

  for (const [kind, compilerOptions] of Object.entries(kinds)) {
    it.effect(
      `has types that hold for its examples and documentation, found as by ${kind}`,
      () =>
        Effect.gen(function* () {
          const { project } = yield* Packed
          const folder = `${project}/${kind}`
          mkdirSync(folder)
          for (const { code, name } of [...examples, ...snippets]) writeFileSync(`${folder}/${name}`, code)
          writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, include: ["*.ts"] }))
          yield* run(process.execPath, [`${project}/node_modules/typescript/bin/tsc`, "-p", folder], { cwd: project })
        }),
      120_000
    )
  }

  for (const { code, name } of examples) {
    it.effect(`runs examples/library/${name} in an empty project`, () =>
      Effect.gen(function* () {
        const { project } = yield* Packed
        const form = written[name]
        if (form === undefined) return yield* Effect.die(new Error(`Nobody says what ${name} writes`))
        writeFileSync(`${project}/${name}`, code)
        const environment = yield* environmentOf(code)
        assert.match(yield* run(process.execPath, [name], { cwd: project, environment }), form)
      }).pipe(Effect.scoped)
    )
  }

  for (const { code, name } of snippets) {
    it.effect(`runs ${name} of docs/library.md as it is pasted`, () =>
      Effect.gen(function* () {
        const { project } = yield* Packed
        writeFileSync(`${project}/${name}`, code)
        assert.notStrictEqual(yield* run(process.execPath, [name], { cwd: project }), "")
      })
    )
  }

  it.effect(
    "is loaded in 400 ms, on a slow machine about as fast as Effect as a whole, without what nobody has asked for",
    () =>
      Effect.gen(function* () {
        const { project } = yield* Packed
        writeFileSync(`${project}/load.mjs`, load)
        const measure = (entry: string) =>
          Effect.map(run(process.execPath, ["load.mjs", entry], { cwd: project }), (out): Loaded => JSON.parse(out))
        const millis = { xrouter: Infinity, effect: Infinity }
        // The best of some: on a busy machine the others say more of its other work.
        for (let round = 0; round < 5 && millis.xrouter >= 400; round++) {
          for (const entry of ["xrouter", "effect"] as const) {
            millis[entry] = Math.min(millis[entry], (yield* measure(entry)).millis)
          }
        }
        const { modules } = yield* measure("xrouter")
        assert.isTrue(
          millis.xrouter < 400 || millis.xrouter < millis.effect * 1.2,
          `${millis.xrouter} ms, and ${millis.effect} ms for Effect`
        )
        const unasked =
          /pglite|ioredis|@effect\/|undici|jose|\/yaml\/|effect\/dist\/(http-api|http\/HttpRouter|http\/HttpServer)|library\/(EmbeddedGateway|AuthorizationServer|ConfiguredProviders)/
        assert.deepStrictEqual(
          modules.filter((module) => unasked.test(module)),
          []
        )
        assert.isTrue(modules.some((module) => module.endsWith("xrouter/dist/library/index.js")))
      }),
    60_000
  )

  it.effect(
    "does nothing where it is only imported",
    () =>
      Effect.gen(function* () {
        const { manifest, project } = yield* Packed
        const kinds = ["gigachat", "openai", "sandbox", "yandexgpt"]
        const entries = Object.keys(manifest.exports)
          .filter((entry) => !entry.endsWith(".json"))
          .flatMap((entry) => (entry.endsWith("*") ? kinds.map((kind) => entry.replace("*", kind)) : [entry]))
          .map((entry) => entry.replace(/^\./, "xrouter"))
        assert.isAbove(entries.length, 7)
        writeFileSync(`${project}/idle.mjs`, idle)
        // It ends by itself, since nothing keeps it.
        assert.strictEqual(yield* run(process.execPath, ["idle.mjs", ...entries], { cwd: project }), "[]\n")

        const planted = `${project}/node_modules/xrouter/dist/library/planted.js`
        writeFileSync(
          planted,
          `globalThis.mine = process.env.MINE; process.on("exit", () => {}); setTimeout(() => {}, 1)`
        )
        assert.strictEqual(
          yield* run(process.execPath, ["idle.mjs", planted], { cwd: project }),
          `["MINE","mine","Timeout",1]\n`
        )
      }),
    60_000
  )
})

interface Loaded {
  /** Of the processor, which other processes take less from than from the clock. */
  readonly millis: number
  readonly modules: ReadonlyArray<string>
}

const load = `
import { registerHooks } from "node:module"
const modules = []
registerHooks({ load: (url, context, next) => (modules.push(url), next(url, context)) })
const before = process.cpuUsage()
await import(process.argv[2])
const { system, user } = process.cpuUsage(before)
console.log(JSON.stringify({ millis: (system + user) / 1000, modules }))
`

/** Tells the variables that were read, the globals and listeners that are new, and what would go on. */
const idle = `
const read = []
const env = process.env
Object.defineProperty(process, "env", {
  value: new Proxy(env, { get: (target, name) => (note(name), target[name]), ownKeys: (target) => (note("*"), Reflect.ownKeys(target)) })
})
const note = (name) => {
  // Dependencies may look for their own; what we read has our name in the stack.
  if (new Error().stack.includes("/xrouter/dist/")) read.push(name)
}
const globals = new Set(Object.getOwnPropertyNames(globalThis))
const listeners = process.eventNames().length
for (const entry of process.argv.slice(2)) await import(entry)
const added = Object.getOwnPropertyNames(globalThis).filter((name) => !globals.has(name))
const more = process.eventNames().length - listeners
const running = process.getActiveResourcesInfo().filter((kind) => !/^(TTY|Pipe|FS)/.test(kind))
console.log(JSON.stringify([...read, ...added, ...running, ...(more === 0 ? [] : [more])]))
`
