/** Run by npm around `npm pack` and `npm publish`: before it with `publish`, after it with `restore`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Stdio } from "effect"
import { fileURLToPath } from "node:url"
import { publish, restore } from "./PublishedManifest.ts"

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "")

const program = Effect.gen(function* () {
  const { args } = yield* Stdio.Stdio
  yield* (yield* args).includes("restore") ? restore(root) : publish(root)
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
