import { Duration } from "effect"
import type { SettingsValue, Timeouts } from "../config/Settings.ts"
import type { CallTimers } from "../providers/Provider.ts"
import { transportTimeouts } from "../providers/TransportTimeouts.ts"

/** Where neither the model nor its provider has its own. */
export const defaultTimeouts: Timeouts = {
  ...transportTimeouts,
  firstToken: Duration.seconds(60),
  total: Duration.minutes(10)
}

/** What a candidate is given, put together once and not for each request. Milliseconds. */
export interface Patience {
  /** To the first content of a stream, and of an answer that comes whole; undefined where the transport's own timers do. */
  readonly stream: number
  readonly whole: number | undefined
  /** All of a request, whoever is tried. */
  readonly total: number
  /** False where the default is bound enough to be looked at only when something comes. */
  readonly isTotalExact: boolean
  /** For the transport, where its own are not meant. */
  readonly timers: CallTimers | undefined
}

/** The model's own timeouts over its provider's over the defaults. */
export const patienceOf = (...layers: ReadonlyArray<Partial<Timeouts> | undefined>): Patience => {
  const own: Partial<Timeouts> = Object.assign({}, ...layers.toReversed())
  const timeouts = { ...defaultTimeouts, ...own }
  const { connect, idle } = own
  const millis = (duration: Duration.Duration | undefined) =>
    duration === undefined ? undefined : Duration.toMillis(duration)
  const stream = firstContentLimit(true, own, timeouts)
  return {
    stream: Duration.toMillis(stream ?? timeouts.total),
    whole: millis(firstContentLimit(false, own, timeouts)),
    total: Duration.toMillis(timeouts.total),
    isTotalExact: own.total !== undefined,
    timers: connect === undefined && idle === undefined ? undefined : { connect: millis(connect), idle: millis(idle) }
  }
}

/**
 * How long the first content may take. An answer that is not streamed comes whole, at its end: there the first token's default
 * would cut long answers off, so only what the operator has set holds. Undefined: the transport's own timers are bound enough
 * (10 minutes to the answer's end, 60 s between two pieces), and cost a request nothing.
 */
export const firstContentLimit = (
  isStream: boolean,
  own: Partial<Timeouts>,
  { firstToken, total }: Timeouts
): Duration.Duration | undefined => {
  if (isStream || own.firstToken !== undefined) return Duration.min(firstToken, total)
  return own.total
}

/** No request lasts longer. */
export const longestTotal = ({ models, providers }: Pick<SettingsValue, "models" | "providers">): Duration.Duration => {
  const calling = [...providers.values()].flatMap((provider) => ("timeouts" in provider ? provider.timeouts : []))
  return [...calling, ...[...models.values()].map(({ timeouts }) => timeouts)].reduce(
    (longest, own) => Duration.max(longest, own?.total ?? Duration.zero),
    defaultTimeouts.total
  )
}

/** Of a provider that nobody has set timeouts for. */
export const defaultPatience = patienceOf()
