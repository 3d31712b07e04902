import { Context, type Effect } from "effect"
import type { InternalError } from "../domain/Errors.ts"
import type { Series } from "./Series.ts"

/** What all processes on one port have measured, this one among them; undefined where this is the only one. */
export const Siblings = Context.Reference<Effect.Effect<ReadonlyArray<Series>, InternalError> | undefined>(
  "xrouter/telemetry/Siblings",
  { defaultValue: () => undefined }
)
