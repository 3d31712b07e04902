import { Effect } from "effect"
import { Command } from "effect/cli"
import { collectForRequests } from "../GarbageCollection.ts"
import { CommandError } from "./CommandError.ts"

/** The same as `npm start`. Loaded when it is asked for: the other commands need nothing of the gateway. */
export const serve = Command.make("serve", {}, () =>
  Effect.sync(collectForRequests).pipe(
    Effect.andThen(Effect.promise(() => import("../Launch.ts"))),
    Effect.flatMap(({ launch }) => launch),
    Effect.mapError(({ message }) => new CommandError({ message }))
  )
).pipe(Command.withDescription("Run the gateway"))
