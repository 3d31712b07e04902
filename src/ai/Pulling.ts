import { Array as Arr, Cause, Effect, Pull, type Result } from "effect"
import * as AiError from "effect/ai/AiError"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { Reply } from "../router/Router.ts"
import { aiError, type Place } from "./Reasons.ts"

type Events = Arr.NonEmptyReadonlyArray<ChatEvent>

/** All events of an answer that has begun, its first ones too. */
export const eventsOf = ({ first, rest }: Reply, place: Place): Pull.Pull<Events, AiError.AiError> => {
  const more =
    rest === undefined
      ? Cause.done()
      : Effect.mapError(rest, (failure) => (Cause.isDone(failure) ? failure : aiError(place, failure)))
  let hasBegun = false
  return Effect.suspend(() => {
    if (hasBegun) return more
    hasBegun = true
    return Effect.succeed(first)
  })
}

/** What is made of them, as far as something is made of them at all. */
export const partsOf = <A>(
  events: Pull.Pull<Events, AiError.AiError>,
  place: Place,
  parts: (events: Events) => Result.Result<ReadonlyArray<A>, AiError.AiErrorReason>
): Pull.Pull<Arr.NonEmptyReadonlyArray<A>, AiError.AiError> => {
  const next: Pull.Pull<Arr.NonEmptyReadonlyArray<A>, AiError.AiError> = Effect.flatMap(events, (events) =>
    Effect.filterOrElse(orFail(place, parts(events)), Arr.isReadonlyArrayNonEmpty, () => next)
  )
  return next
}

/** Runs through all of them. */
export const forEach = <A>(pull: Pull.Pull<A, AiError.AiError>, take: (value: A) => void) =>
  Pull.catchDone(Effect.forever(Effect.map(pull, take)), () => Effect.void)

export const orFail = <A>(
  place: Place,
  result: Result.Result<A, AiError.AiErrorReason>
): Effect.Effect<A, AiError.AiError> =>
  Effect.mapError(Effect.fromResult(result), (reason) => AiError.make({ ...place, reason }))
