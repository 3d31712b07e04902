import type { Duration, Effect, Scope } from "effect"
import { chatCases, toolCases } from "./ChatContract.ts"
import { asCase, type ContractCase, type Subject } from "./ContractCase.ts"
import { embeddingCases } from "./EmbeddingContract.ts"
import { type EndlessSubject, leavingCases, type Trouble, troubleCases } from "./TroubleContract.ts"

export type { ContractCase, Subject } from "./ContractCase.ts"
export type { EndlessSubject, Trouble } from "./TroubleContract.ts"

/** What the contract is held against. Each case makes its own subject, and lets it go. */
export interface ContractOptions {
  /** The provider before a vendor that answers every question with the same text. */
  readonly subject: Effect.Effect<Subject, never, Scope.Scope>
  /** By the provider's own name: a model that answers with a text. */
  readonly model: string
  /** Where it calls tools: before a vendor that calls the one tool that it is offered (`weather`), by this model if not by the other. */
  readonly calling?:
    | { readonly subject: Effect.Effect<Subject, never, Scope.Scope>; readonly model?: string | undefined }
    | undefined
  /** Where it has `embed`: the model for it. */
  readonly embedding?: { readonly model: string } | undefined
  /** Before a vendor that says the first words of an answer, and no more. */
  readonly endless?: Effect.Effect<EndlessSubject, never, Scope.Scope> | undefined
  /** Kinds of trouble by their names: `{ "a limit of the vendor's": { subject, expected: { _tag: "RateLimitError", reason: … } } }`. */
  readonly troubles?: Readonly<Record<string, Trouble>> | undefined
  /** What no failure may tell: keys, hosts. */
  readonly secrets?: ReadonlyArray<string> | undefined
  /** How long a case may wait, in the machine's own time; 10 seconds unless given. */
  readonly patience?: Duration.Input | undefined
}

/**
 * What every provider keeps to, case by case, for whatever runs tests:
 *
 * ```ts
 * for (const { name, effect } of providerContract(options)) it.effect(name, () => effect)          // @effect/vitest
 * for (const { name, effect } of providerContract(options)) test(name, () => Effect.runPromise(effect)) // node:test
 * ```
 *
 * A case fails with a `ContractViolation`, whose message says what the provider does. None waits for longer than `patience`, or cares
 * for the test's clock. What is not given of the options is not asked.
 */
export const providerContract = ({
  calling,
  embedding,
  endless,
  model,
  patience = "10 seconds",
  secrets = [],
  subject,
  troubles = {}
}: ContractOptions): ReadonlyArray<ContractCase> =>
  [
    ...chatCases(subject, model),
    ...(calling === undefined ? [] : toolCases(calling.subject, calling.model ?? model)),
    ...(embedding === undefined ? [] : embeddingCases(subject, embedding.model)),
    ...(endless === undefined ? [] : leavingCases(endless, model)),
    ...troubleCases(troubles, model, secrets)
  ].map(asCase(patience))
