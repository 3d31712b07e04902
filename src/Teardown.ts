import { Cause, Exit, Runtime } from "effect"

/** Of the gateway's process: whoever told it to stop, and was obeyed, gets no error for it. */
export const teardown: Runtime.Teardown = (exit, onExit) =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? onExit(0) : Runtime.defaultTeardown(exit, onExit)
