import { Duration } from "effect"
import type { ModelAlias, Timeouts } from "../config/Settings.ts"

/** Where a model's own are not set. */
export const defaultTimeouts: Timeouts = {
  connect: Duration.seconds(5),
  firstToken: Duration.seconds(60),
  idle: Duration.seconds(60),
  total: Duration.minutes(10)
}

/**
 * How long the first content may take. An answer that is not streamed comes whole, at its end: there the first token's default
 * would cut long answers off, so only what the operator has set holds. Undefined: the transport's own timers are bound enough
 * (10 minutes to the answer's head, 60 s between two pieces), and cost a request nothing.
 */
export const firstContentLimit = (
  isStream: boolean,
  own: ModelAlias["timeouts"],
  { firstToken, total }: Timeouts
): Duration.Duration | undefined => {
  if (isStream || own.firstToken !== undefined) return Duration.min(firstToken, total)
  return own.total
}
