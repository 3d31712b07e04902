import { Effect } from "effect"
import { Command } from "effect/cli"
import { json } from "./Parameters.ts"

/** Loaded when it is asked for, as it loads every store and provider. */
export const check = Command.make("check", { json }, ({ json }) =>
  Effect.flatMap(
    Effect.promise(() => import("./Checks.ts")),
    ({ runChecks }) => runChecks(json)
  )
).pipe(Command.withDescription("Read the whole configuration, tell every fault, and connect to what is configured"))
