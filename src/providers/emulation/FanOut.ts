import { Effect, Exit, Pull, Scope, Stream } from "effect"
import { type ChatEvent, isContent } from "../../domain/ChatEvent.ts"
import { type ProviderFailure, ValidationError } from "../../domain/Errors.ts"
import type { Usage } from "../../domain/Usage.ts"
import { invalidAnswer } from "../BrokenAnswers.ts"
import type { ChatCall, Prepared } from "../Provider.ts"
import { added, type Prepare, wholeOf } from "./Whole.ts"

type Events = Stream.Stream<ChatEvent, ProviderFailure>

const mostChoices = 8
/** Calls at one time for one request, where its provider takes several. */
const mostAtOnce = 4

/**
 * Several choices of a provider that gives one at a time: as many calls, of which the first four begin together. No content
 * goes out before all of those have theirs, so a call that is refused beside its siblings (their common limit) fails the whole
 * while another provider can still take over. What one call fails with, the others are ended for. Of a provider whose calls are
 * counted the request has one place, so its calls are made one after another.
 */
export const fannedOut =
  (provider: string, prepare: Prepare, isCounted = false): Prepare =>
  (call) => {
    const atOnce = isCounted ? 1 : mostAtOnce
    const { n = 1, ...request } = call.request
    if (n > mostChoices) {
      return Effect.fail(
        new ValidationError({
          reason: "unsupported_parameter",
          message: `\`n\` is not supported by ${provider} above ${mostChoices}: each choice is a call of its own`,
          param: "n",
          provider
        })
      )
    }
    const calls = Array.from({ length: n }, (_, choice): ChatCall => ({
      ...call,
      // A call's own name: upstreams know calls by it, and tool calls are named after it.
      requestId: choice === 0 ? call.requestId : `${call.requestId}-${choice}`,
      request
    }))
    return Effect.map(Effect.forEach(calls, prepare), (prepared): Prepared => ({
      dropped: prepared[0]?.dropped ?? [],
      events: merged(provider, prepared, atOnce),
      ...(prepared.every(({ whole }) => whole !== undefined) ? { whole: together(prepared, atOnce) } : {})
    }))
  }

const together = (
  prepared: ReadonlyArray<Prepared>,
  atOnce: number
): Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure> =>
  Effect.map(Effect.forEach(prepared, wholeOf, { concurrency: atOnce }), (answers) => {
    const fold = new Fold()
    const events = answers.flatMap((answer, choice) =>
      answer.map((event) => numbered(event, choice)).filter((event) => fold.lets(event))
    )
    return [...events, fold.finished]
  })

const merged = (provider: string, prepared: ReadonlyArray<Prepared>, atOnce: number): Events =>
  Stream.unwrap(
    Effect.gen(function* () {
      const streams = prepared.map(({ events }, choice) => Stream.map(events, (event) => numbered(event, choice)))
      const begun = yield* Effect.forEach(streams.slice(0, atOnce), (events) => begin(provider, events), {
        concurrency: "unbounded"
      })
      const fold = new Fold()
      return Stream.mergeAll([...begun, ...streams.slice(atOnce)], { concurrency: atOnce }).pipe(
        Stream.filter((event) => fold.lets(event)),
        Stream.concat(Stream.sync(() => fold.finished))
      )
    })
  )

/** The stream, called and answered as far as its first content. */
const begin = Effect.fnUntraced(function* (
  provider: string,
  events: Events
): Effect.fn.Return<Events, ProviderFailure, Scope.Scope> {
  // Its own scope: what a choice holds goes with its end, not with that of the last one.
  const scope = Scope.forkUnsafe(yield* Effect.scope)
  const pull = yield* Scope.provide(Stream.toPull(events), scope)
  const first: Array<ChatEvent> = []
  const seek: Pull.Pull<void, ProviderFailure> = Effect.flatMap(pull, (events) => {
    first.push(...events)
    return events.some(isContent) ? Effect.void : seek
  })
  yield* Pull.catchDone(seek, () => Effect.fail(invalidAnswer({ provider }, "ended its stream without an answer")))
  return Stream.fromIterable(first).pipe(
    Stream.concat(Stream.fromPull(Effect.succeed(pull))),
    Stream.ensuring(Scope.close(scope, Exit.void))
  )
})

const numbered = (event: ChatEvent, choice: number): ChatEvent => ("choice" in event ? { ...event, choice } : event)

/** Of several answers one: one beginning, one end, and what all of them used. */
class Fold {
  private hasStarted = false
  private usage: Usage | undefined = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 }

  lets(event: ChatEvent): boolean {
    if (event._tag === "Finished") {
      this.usage = added(this.usage, event.usage)
      return false
    }
    if (event._tag !== "Started") return true
    const isFirst = !this.hasStarted
    this.hasStarted = true
    return isFirst
  }

  get finished(): ChatEvent {
    return this.usage === undefined ? { _tag: "Finished" } : { _tag: "Finished", usage: this.usage }
  }
}
