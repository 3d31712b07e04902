import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { Application } from "./Application.ts"
import { StartError } from "./StartError.ts"
import { teardown } from "./Teardown.ts"

/** The gateway until the process is told to stop. Fails where it cannot start, with words for whoever started it. */
export const launch: Effect.Effect<never, StartError> = Layer.launch(Application).pipe(Effect.mapError(StartError.from))

/** The process of `npm start`. */
export const runGateway = (): void =>
  launch.pipe(
    Effect.tapError(({ message }) => Console.error(message)),
    NodeRuntime.runMain({ teardown })
  )
