/** Writes the variables into docs/configuration.md: `node scripts/configuration-doc.ts`. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, FileSystem } from "effect"
import { withVariables } from "./ConfigurationDoc.ts"

const path = "docs/configuration.md"

Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  yield* files.writeFileString(path, withVariables(yield* files.readFileString(path)))
}).pipe(Effect.provide(NodeFileSystem.layer), NodeRuntime.runMain)
