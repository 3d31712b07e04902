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
 * would cut long answers off, so only a value that the operator has set holds, and the total otherwise.
 */
export const firstContentLimit = (
  isStream: boolean,
  own: ModelAlias["timeouts"],
  { firstToken, total }: Timeouts
): Duration.Duration => (isStream || own.firstToken !== undefined ? Duration.min(firstToken, total) : total)
