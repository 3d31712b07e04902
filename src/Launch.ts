import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { readVariable } from "./config/Environment.ts"
import { Faults } from "./config/Faults.ts"
import { gateway } from "./config/Variables.ts"
import { StartError } from "./StartError.ts"
import { teardown } from "./Teardown.ts"

/** Only one of them is loaded: whoever starts workers needs nothing of the gateway, and a gateway that is alone no workers. */
const one = Effect.flatMap(
  Effect.promise(() => import("./Instance.ts")),
  ({ instance }) => Effect.mapError(instance, StartError.from)
)
const several = Effect.flatMap(
  Effect.promise(() => import("./cluster/Primary.ts")),
  ({ primary }) => Effect.mapError(primary, StartError.from)
)

/**
 * The gateway until the process is told to stop; told so twice, it ends without waiting for the answers that run. Fails where it
 * cannot start, with words for whoever started it.
 */
export const launch: Effect.Effect<never, StartError> = readVariable(gateway.workers, new Faults()).pipe(
  Effect.flatMap((workers) => (workers === 1 ? one : several)),
  Effect.catchDefect((defect) => Effect.fail(StartError.fromDefect(defect)))
)

/** The process of `npm start`. */
export const runGateway = (): void =>
  launch.pipe(
    Effect.tapError(({ message }) => Console.error(message)),
    NodeRuntime.runMain({ teardown })
  )
