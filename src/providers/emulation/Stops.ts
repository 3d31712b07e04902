import { Array as Arr, Cause, Effect, Exit, type Pull, Scope, Stream } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import type { Prepared } from "../Provider.ts"
import { StopCutter } from "./StopCutter.ts"
import type { Prepare } from "./Whole.ts"

type Events = Arr.NonEmptyReadonlyArray<ChatEvent>

/** Ends answers at `stop` for a provider that cannot. A stream is left, and its upstream closed, as soon as a stop is complete. */
export const cutAtStops =
  (prepare: Prepare): Prepare =>
  (call) => {
    const { stop = [], ...request } = call.request
    // Half a surrogate pair is in no text, and nothing is in every text.
    const stops = (typeof stop === "string" ? [stop] : stop).filter((text) => text !== "" && text.isWellFormed())
    const prepared = prepare({ ...call, request })
    if (stops.length === 0) return prepared
    const cutter = () => new StopCutter(stops, request.n ?? 1)
    return Effect.mapEager(prepared, ({ dropped, events, whole }): Prepared => ({
      dropped,
      events: cutStream(events, cutter),
      ...(whole === undefined ? {} : { whole: Effect.map(whole, (events) => cutter().read(events)) })
    }))
  }

const cutStream = (
  events: Stream.Stream<ChatEvent, ProviderFailure>,
  makeCutter: () => StopCutter
): Stream.Stream<ChatEvent, ProviderFailure> =>
  Stream.unwrap(
    Effect.gen(function* () {
      // Its own scope, so that the upstream is closed before the reader has taken the last of the text.
      const scope = Scope.forkUnsafe(yield* Effect.scope)
      const pull = yield* Scope.provide(Stream.toPull(events), scope)
      const cutter = makeCutter()
      const read = (events: Events): Pull.Pull<Events, ProviderFailure> => {
        const told = cutter.read(events)
        if (!Arr.isReadonlyArrayNonEmpty(told)) return next
        return cutter.isLeft ? Effect.as(Scope.close(scope, Exit.void), told) : Effect.succeed(told)
      }
      const next: Pull.Pull<Events, ProviderFailure> = Effect.suspend(() =>
        cutter.isLeft ? Cause.done() : Effect.flatMap(pull, read)
      )
      return Stream.fromPull(Effect.succeed(next))
    })
  )
