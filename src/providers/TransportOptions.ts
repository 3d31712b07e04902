import { Duration } from "effect"
import { transportTimeouts } from "./TransportTimeouts.ts"

/** What an application may say of any provider of ours. */
export interface TransportOptions {
  /** What models are asked for by: `name/model`. */
  readonly name?: string
  /** PEM file, added to the system's roots for this provider alone. */
  readonly caBundleFile?: string
  /** Of the connection, and of the silence between two pieces of an answer; 5 and 60 seconds unless given. */
  readonly timeouts?: { readonly connect?: Duration.Input; readonly idle?: Duration.Input }
}

export const transportOf = ({ timeouts: { connect, idle } = {} }: TransportOptions) => ({
  connect: connect === undefined ? transportTimeouts.connect : Duration.fromInputUnsafe(connect),
  idle: idle === undefined ? transportTimeouts.idle : Duration.fromInputUnsafe(idle)
})
