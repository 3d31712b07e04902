import { Effect, Layer } from "effect"
import { Application } from "./Application.ts"
import { Haste } from "./gateway/Drain.ts"
import { anotherSignal } from "./Signals.ts"

/** The gateway in a process that is alone. */
export const instance = Layer.launch(Application).pipe(Effect.provideService(Haste, anotherSignal))
