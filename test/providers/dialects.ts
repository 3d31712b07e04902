import { Result } from "effect"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import type { ProviderFailure } from "../../src/domain/Errors.ts"
import type { Dialect } from "../../src/providers/Dialect.ts"
import type { Framing } from "../../src/providers/Framing.ts"
import type { ChatCall } from "../../src/providers/Provider.ts"

/** What is read of a stream without a network. */

export type Told = Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>

/** The events of a stream of these frames, or its first failure. What is no string stands in its frame as JSON. */
export const toldOf = <State>(dialect: Dialect<State>, call: ChatCall, frames: ReadonlyArray<unknown>): Told => {
  const state = dialect.start(call)
  const events: Array<ChatEvent> = []
  for (const frame of frames) {
    const step = dialect.step(state, typeof frame === "string" ? frame : JSON.stringify(frame))
    if (Result.isFailure(step)) return step
    events.push(...step.success)
  }
  return Result.map(dialect.halt(state), (rest) => [...events, ...rest])
}

export interface Heard {
  readonly events: ReadonlyArray<ChatEvent>
  readonly failure: ProviderFailure | undefined
}

/** The same as a caller hears it: nothing after the event that ends it, and whatever came before a failure. */
export const heard = <State>(dialect: Dialect<State>, call: ChatCall, frames: ReadonlyArray<string>): Heard => {
  const state = dialect.start(call)
  const events: Array<ChatEvent> = []
  for (const frame of frames) {
    const step = dialect.step(state, frame)
    if (Result.isFailure(step)) return { events, failure: step.failure }
    events.push(...step.success)
    if (events.at(-1)?._tag === "Finished") return { events, failure: undefined }
  }
  return Result.match(dialect.halt(state), {
    onFailure: (failure) => ({ events, failure }),
    onSuccess: (rest) => ({ events: [...events, ...rest], failure: undefined })
  })
}

/** The frames in these bytes, which came in pieces. */
export const framesIn = (framing: Framing, ...pieces: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => {
  const reader = framing.reader()
  const frames = pieces.flatMap((piece) => [...Result.getOrThrow(reader.push(piece))])
  return [...frames, ...Result.getOrThrow(reader.end())]
}
