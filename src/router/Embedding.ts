import { Effect } from "effect"
import { type ProviderFailure, ValidationError } from "../domain/Errors.ts"
import type { EmbeddingCall, PreparedEmbeddings } from "../providers/Provider.ts"
import type { Candidate } from "./Policy.ts"

/** Texts as a candidate would embed them, not sent yet. */
export const prepareEmbedding = (
  { model, patience, provider }: Candidate,
  call: Omit<EmbeddingCall, "model" | "timers">
): Effect.Effect<PreparedEmbeddings, ProviderFailure> =>
  provider.embed === undefined
    ? Effect.fail(embedsNothing(provider.name))
    : provider.embed({ ...call, model, timers: patience.timers })

const embedsNothing = (provider: string) =>
  new ValidationError({
    reason: "invalid_request",
    message: `${provider} has no embeddings: ask for a model of a provider that has them`,
    param: "model",
    provider
  })
