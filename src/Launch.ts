import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { Application } from "./Application.ts"
import { Haste } from "./gateway/Drain.ts"
import { StartError } from "./StartError.ts"
import { anotherSignal } from "./Signals.ts"
import { teardown } from "./Teardown.ts"

/**
 * The gateway until the process is told to stop; told so twice, it ends without waiting for the answers that run. Fails where it
 * cannot start, with words for whoever started it.
 */
export const launch: Effect.Effect<never, StartError> = Layer.launch(Application).pipe(
  Effect.provideService(Haste, anotherSignal),
  Effect.mapError(StartError.from),
  Effect.catchDefect((defect) => Effect.fail(StartError.fromDefect(defect)))
)

/** The process of `npm start`. */
export const runGateway = (): void =>
  launch.pipe(
    Effect.tapError(({ message }) => Console.error(message)),
    NodeRuntime.runMain({ teardown })
  )
