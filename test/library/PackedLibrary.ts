import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { buildLibrary } from "../../scripts/LibraryBuild.ts"
import { publish, restore } from "../../scripts/PublishedManifest.ts"
import { buildService } from "../../scripts/ServiceBuild.ts"
import { startChild } from "../support/Child.ts"

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")

/** The package as it would be published, and an application beside it that has nothing but what it names. */
export interface PackedLibrary {
  /** Paths in the tarball. */
  readonly files: ReadonlyArray<string>
  readonly manifest: typeof Manifest.Type
  /** The checkout's manifest, after it has been packed. */
  readonly kept: string
  /** An empty project, with the tarball unpacked in its `node_modules` and its dependencies beside it. */
  readonly project: string
}

const Manifest = Schema.Struct({
  exports: Schema.Record(
    Schema.String,
    Schema.Union([Schema.String, Schema.Struct({ types: Schema.String, default: Schema.String })])
  ),
  bin: Schema.Record(Schema.String, Schema.String),
  dependencies: Schema.Record(Schema.String, Schema.String),
  peerDependencies: Schema.Record(Schema.String, Schema.String),
  sideEffects: Schema.Boolean
})

const Packed = Schema.fromJsonString(
  Schema.Array(Schema.Struct({ filename: Schema.String, files: Schema.Array(Schema.Struct({ path: Schema.String })) }))
)

/** Runs to its end; dies where that is no good one. */
export const run = Effect.fnUntraced(function* (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly environment?: Readonly<Record<string, string>> }
) {
  const path = process.env["PATH"] ?? ""
  const child = yield* startChild(command, args, {
    cwd: options.cwd,
    environment: { PATH: path, HOME: options.cwd, npm_config_update_notifier: "false", ...options.environment }
  })
  const { code, err, out } = yield* child.ended
  if (code !== 0) return yield* Effect.die(new Error(`${command} ${args.join(" ")} ended with ${code}\n${out}${err}`))
  return out
}, Effect.scoped)

/** What an application's author has installed too. */
const ofTheApplication = ["typescript", "@types/node", "undici-types"]

/** Builds, packs and unpacks all of it, once; gone when the scope closes. */
export const packLibrary = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "xrouter-package-" })
  const source = `${folder}/source`
  yield* Effect.all([buildService(root, `${source}/dist`), buildLibrary(root, `${source}/dist`)], {
    concurrency: "unbounded"
  })
  for (const file of ["package.json", "README.md", "LICENSE"])
    yield* fs.copyFile(`${root}/${file}`, `${source}/${file}`)
  yield* publish(source)
  yield* fs.copy(`${root}/migrations`, `${source}/migrations`)
  // What else lies in a checkout must not come along.
  yield* fs.writeFileString(`${source}/.env`, "SECRET=1\n")
  yield* fs.makeDirectory(`${source}/src`)
  yield* fs.writeFileString(`${source}/src/index.ts`, "export {}\n")

  const told = yield* run("npm", ["pack", "--json", "--ignore-scripts"], { cwd: source })
  const [packed] = yield* Schema.decodeEffect(Packed)(told)
  if (packed === undefined) return yield* Effect.die(new Error("npm packed nothing"))
  yield* restore(source)
  const kept = yield* fs.readFileString(`${source}/package.json`)

  const project = `${folder}/project`
  const modules = `${project}/node_modules`
  yield* fs.makeDirectory(`${modules}/xrouter`, { recursive: true })
  yield* run("tar", ["-xzf", `${source}/${packed.filename}`, "-C", `${modules}/xrouter`, "--strip-components=1"], {
    cwd: folder
  })
  yield* fs.writeFileString(`${project}/package.json`, `{ "type": "module" }\n`)
  const manifest = yield* Schema.decodeEffect(Schema.fromJsonString(Manifest))(
    yield* fs.readFileString(`${modules}/xrouter/package.json`)
  )
  const names = [...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }), ...ofTheApplication]
  for (const name of names) {
    yield* fs.makeDirectory(`${modules}/${name}`.replace(/\/[^/]+$/, ""), { recursive: true })
    yield* fs.symlink(`${root}/node_modules/${name}`, `${modules}/${name}`)
  }
  const library: PackedLibrary = { project, manifest, kept, files: packed.files.map(({ path }) => path) }
  return library
}).pipe(Effect.orDie, Effect.provide(NodeServices.layer))
