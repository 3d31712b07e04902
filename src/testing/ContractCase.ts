import { Clock, Duration, Effect, Fiber, Option, type Scope, Stream } from "effect"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ProviderFailure } from "../domain/Errors.ts"
import type { ChatCall, Prepared, Provider } from "../providers/Provider.ts"
import { type FoldedAnswer, fold } from "./AnswerFold.ts"
import { ContractViolation } from "./ContractViolation.ts"

/** One thing that is asked of a provider: a name for the runner, and what succeeds where the provider keeps to it. */
export interface ContractCase {
  readonly name: string
  readonly effect: Effect.Effect<void, ContractViolation>
}

/** A provider before a vendor that answers as the test wants it. */
export interface Subject {
  readonly provider: Provider
  /** How many requests for an answer the vendor has had. Without it nobody can tell that none was sent too early. */
  readonly requests?: (() => number) | undefined
}

/** The same as it is written: it may fail as a provider does, wait for ever, or die. */
export interface Demand {
  readonly name: string
  readonly kept: Effect.Effect<void, ContractViolation | ProviderFailure, Scope.Scope>
}

/** Waits no longer than that, in the machine's own time, whatever clock the test has; whatever goes wrong is a violation. */
export const asCase =
  (patience: Duration.Input) =>
  ({ kept, name }: Demand): ContractCase => ({
    name,
    effect: withPatience(Effect.scoped(kept), patience).pipe(
      Effect.catchTag(["ProviderError", "RateLimitError", "ValidationError"], (failure) =>
        violated(`The provider fails where it should not: ${failure._tag} (${failure.reason}) ${failure.message}`)
      ),
      Effect.catchDefect((defect) => violated(`The provider dies, where it may fail only: ${textOf(defect)}`)),
      Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())
    )
  })

/** What cannot be interrupted is left behind: a provider of that kind must fail its case, and not hang the runner. */
const withPatience = <A, E>(effect: Effect.Effect<A, E>, patience: Duration.Input) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDetach(effect)
    const exit = yield* Fiber.await(fiber).pipe(
      Effect.timeoutOption(patience),
      Effect.onInterrupt(() => Fiber.interrupt(fiber))
    )
    if (Option.isSome(exit)) return yield* exit.value
    fiber.interruptUnsafe()
    return yield* violated(`It was not done within ${Duration.format(Duration.fromInputUnsafe(patience))}`)
  })

export const violated = (message: string): Effect.Effect<never, ContractViolation> =>
  Effect.fail(new ContractViolation({ message }))

/** Fails with the message unless it is true. */
export const holds = (isTrue: boolean, message: string): Effect.Effect<void, ContractViolation> =>
  isTrue ? Effect.void : violated(message)

const textOf = (defect: unknown): string => (defect instanceof Error ? defect.message : String(defect))

/** A question of these fields, frozen: a provider that changes it dies of it. */
export const question = (model: string, more: Partial<ChatRequest> = {}): ChatCall => ({
  requestId: "req_0123456789abcdef0123456789abcdef",
  model,
  request: frozen({
    model,
    messages: [
      { role: "system", content: "Answer in one sentence." },
      { role: "user", content: "What is the capital of France?" },
      { role: "assistant", content: "Paris." },
      { role: "user", content: "And of Italy?" }
    ],
    ...more
  })
})

const frozen = <A>(value: A): A => {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

/** All events of what was prepared, as they come. */
export const streamed = ({ events }: Prepared): Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure> =>
  Stream.runCollect(events)

/** All events of an answer at once, by the way that a provider has for it. */
export const atOnce = (prepared: Prepared): Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure> =>
  prepared.whole ?? streamed(prepared)

export const folded = (
  events: Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure>
): Effect.Effect<FoldedAnswer, ProviderFailure | ContractViolation> => Effect.flatMap(events, fold)
