import type { Series } from "../telemetry/Series.ts"

/** What a primary says to its workers. */
export type ToWorker =
  /** Not ready from now on; answers that run go on to their end, and then the process ends. */
  | { readonly _tag: "Stop" }
  /** Whoever has told us to stop waits for no answers. */
  | { readonly _tag: "Hasten" }
  /** The configuration is to be read again. */
  | { readonly _tag: "Reload" }
  /** What have you measured? */
  | { readonly _tag: "Measure"; readonly question: number }
  /** What all of them have measured, for the worker that has asked. */
  | { readonly _tag: "Measured"; readonly question: number; readonly series: ReadonlyArray<Series> }

/** What a worker says to its primary. */
export type ToPrimary =
  /** It takes connections. */
  | { readonly _tag: "Listening"; readonly url: string }
  /** It cannot start; `message` is for whoever started the gateway. */
  | { readonly _tag: "Refused"; readonly message: string }
  /** The answer to `Measure`; without a question the last of a process that ends. */
  | { readonly _tag: "Measures"; readonly question: number | undefined; readonly series: ReadonlyArray<Series> }
  /** What have all measured? */
  | { readonly _tag: "Gather"; readonly question: number }

type Tags<Message extends { readonly _tag: string }> = { readonly [Tag in Message["_tag"]]: true }

const toWorker: Tags<ToWorker> = { Stop: true, Hasten: true, Reload: true, Measure: true, Measured: true }
const toPrimary: Tags<ToPrimary> = { Listening: true, Refused: true, Measures: true, Gather: true }

/** Both ends of the channel are this very program, so a message is what its tag says. */
export const isToWorker = (message: unknown): message is ToWorker => hasTagOf(message, toWorker)

export const isToPrimary = (message: unknown): message is ToPrimary => hasTagOf(message, toPrimary)

const hasTagOf = (message: unknown, tags: object): boolean =>
  typeof message === "object" &&
  message !== null &&
  "_tag" in message &&
  typeof message._tag === "string" &&
  Object.hasOwn(tags, message._tag)
