import { Context } from "effect"

/** Which of several processes on one port this is, from 1; undefined where it is the only one. Its primary says so, no setting does. */
export const Worker = Context.Reference<number | undefined>("xrouter/config/Worker", { defaultValue: () => undefined })
