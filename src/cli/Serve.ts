import { Effect } from "effect"
import { Command } from "effect/cli"
import { CommandError } from "./CommandError.ts"

/** The same as `npm start`. Loaded when it is asked for: the other commands need nothing of the gateway. */
export const serve = Command.make("serve", {}, () =>
  Effect.promise(() => import("../Launch.ts")).pipe(
    Effect.flatMap(({ launch }) => launch),
    Effect.mapError(({ message }) => new CommandError({ message }))
  )
).pipe(Command.withDescription("Run the gateway"))
