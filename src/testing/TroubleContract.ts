import { Deferred, Effect, Fiber, type Scope, Stream } from "effect"
import { isContent } from "../domain/ChatEvent.ts"
import type { ProviderFailure } from "../domain/Errors.ts"
import { type Demand, holds, question, streamed, type Subject, violated } from "./ContractCase.ts"

/** A provider whose vendor says the first words of an answer, and no more. */
export interface EndlessSubject extends Subject {
  /** Done when the vendor has seen that whoever asked has left. */
  readonly closed: Effect.Effect<void>
}

/** A provider whose vendor is in some kind of trouble, and what the provider shall make of it. */
export interface Trouble {
  readonly subject: Effect.Effect<Subject, never, Scope.Scope>
  /** True of trouble that only a streamed answer can be in, false of what only one that is not streamed can; both unless given. */
  readonly stream?: boolean | undefined
  readonly expected: {
    readonly [Failure in ProviderFailure as Failure["_tag"]]: Expected<Failure>
  }[ProviderFailure["_tag"]]
}

type Expected<Failure extends ProviderFailure> = Pick<Failure, "_tag" | "reason">

/** What is asked of a provider whose caller leaves. */
export const leavingCases = (
  subjects: Effect.Effect<EndlessSubject, never, Scope.Scope>,
  model: string
): ReadonlyArray<Demand> => [
  {
    name: "lets go of the vendor when it is interrupted",
    kept: Effect.gen(function* () {
      const { closed, provider } = yield* subjects
      const { events } = yield* provider.prepare(question(model, { stream: true }))
      const begun = yield* Deferred.make<void>()
      const reading = Stream.runForEach(events, (event) =>
        isContent(event) ? Deferred.succeed(begun, undefined) : Effect.void
      )
      const fiber = yield* Effect.forkChild(Effect.onError(reading, () => Deferred.succeed(begun, undefined)))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      yield* closed
    })
  },
  {
    name: "lets go of the vendor when nobody reads its answer to the end",
    kept: Effect.gen(function* () {
      const { closed, provider } = yield* subjects
      const { events } = yield* provider.prepare(question(model, { stream: true }))
      yield* Stream.runDrain(Stream.takeUntil(events, isContent))
      yield* closed
    })
  }
]

/** What is asked of one in trouble: it fails as it should, in words that may be shown to anybody. */
export const troubleCases = (
  troubles: Readonly<Record<string, Trouble>>,
  model: string,
  secrets: ReadonlyArray<string>
): ReadonlyArray<Demand> =>
  Object.entries(troubles).flatMap(([name, { expected, stream: only, subject }]) =>
    (only === undefined ? [true, false] : [only]).map((stream) => ({
      name: `fails with ${expected.reason} at ${name}, ${stream ? "streamed" : "not streamed"}`,
      kept: Effect.gen(function* () {
        const { provider } = yield* subject
        const prepared = yield* provider.prepare(question(model, { stream }))
        const answer = prepared.whole ?? streamed(prepared)
        const failure = yield* Effect.matchEffect(answer, {
          onFailure: Effect.succeed,
          onSuccess: (events) => violated(`It answers, with ${events.length} events`)
        })
        yield* holds(
          failure._tag === expected._tag && failure.reason === expected.reason,
          `It fails with ${failure._tag} (${failure.reason}): ${failure.message}`
        )
        yield* isPresentable(failure, provider.name, secrets)
      })
    }))
  )

const isPresentable = Effect.fnUntraced(function* (
  failure: ProviderFailure,
  name: string,
  secrets: ReadonlyArray<string>
) {
  yield* holds(failure.message.trim() !== "", "The failure says nothing")
  yield* holds(
    failure.provider === name || (failure._tag === "ValidationError" && failure.provider === undefined),
    `The failure is told of ${failure.provider}, and not of ${name}`
  )
  const shown =
    failure._tag === "ProviderError" ? `${failure.message} ${failure.upstreamMessage ?? ""}` : failure.message
  yield* holds(!secrets.some((secret) => shown.includes(secret)), "The failure tells a secret")
  if (failure._tag === "RateLimitError") {
    yield* holds(failure.retryAfterMillis >= 0, `It may be asked again after ${failure.retryAfterMillis} ms`)
  }
})
