import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Runtime } from "effect"
import { Command } from "effect/cli"
import manifest from "../../package.json" with { type: "json" }
import { teardown } from "../Teardown.ts"
import { xrouter } from "./Xrouter.ts"

/** The process of `xrouter`. */
export const runCommand = (): void => {
  const isGateway = process.argv[2] === "serve"
  Command.run(xrouter, { version: manifest.version }).pipe(
    Effect.provide(NodeServices.layer),
    NodeRuntime.runMain({ teardown: isGateway ? teardown : Runtime.defaultTeardown })
  )
}
