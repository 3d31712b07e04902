import { Effect, Stream } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { sumOf, type Usage } from "../../domain/Usage.ts"
import type { Prepared, Provider } from "../Provider.ts"

export type Prepare = Provider["prepare"]

/** All events of an answer, in whatever way it comes. */
export const wholeOf = ({ events, whole }: Prepared): Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure> =>
  whole ?? Stream.runCollect(events)

/** Undefined where either is: half a count would be taken for all of it. */
export const added = (one: Usage | undefined, other: Usage | undefined): Usage | undefined =>
  one === undefined || other === undefined ? undefined : sumOf(one, other)
