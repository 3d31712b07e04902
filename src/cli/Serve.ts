import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { CommandError, wordsOf } from "./CommandError.ts"

/** The same as `npm start`. Loaded when it is asked for: the other commands need nothing of the gateway. */
export const serve = Command.make("serve", {}, () =>
  Effect.promise(() => import("../Application.ts")).pipe(
    Effect.flatMap(({ Application }) => Layer.launch(Application)),
    // Why it cannot start is for whoever started it: a port in use, a fault in the configuration.
    Effect.mapError((error) => new CommandError({ message: wordsOf(error) }))
  )
).pipe(Command.withDescription("Run the gateway"))
