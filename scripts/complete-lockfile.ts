/**
 * `npm run lockfile`, after every change of dependencies. npm enters into the lockfile only those builds for other platforms
 * that the registry at hand offers, and `npm ci` then refuses a lockfile that lacks the others. This enters them.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { missingBuilds, withBuilds } from "./Lockfile.ts"

const file = fileURLToPath(new URL("../package-lock.json", import.meta.url))

const Json = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json))
const HasPackages = Schema.Struct({ packages: Schema.Record(Schema.String, Schema.Json) })

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const lockfile = yield* fs.readFileString(file).pipe(Effect.flatMap(Schema.decodeUnknownEffect(Json)))
  const { packages } = yield* Schema.decodeUnknownEffect(HasPackages)(lockfile)
  const missing = missingBuilds(packages)
  if (missing.length > 0) {
    const whole = { ...lockfile, packages: withBuilds(packages, missing) }
    yield* fs.writeFileString(file, `${JSON.stringify(whole, undefined, 2)}\n`)
  }
  yield* Console.log(`package-lock.json: ${missing.length} builds for other platforms entered`)
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
