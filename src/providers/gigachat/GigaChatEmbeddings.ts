import { Effect } from "effect"
import { embedAt, type EmbeddingEndpoint } from "../EmbeddingEndpoint.ts"
import { type Carrier, droppedNames, unsupported } from "../Parameters.ts"
import type { Provider } from "../Provider.ts"
import { refusalFailure } from "../Refusals.ts"
import { wordsIn } from "./GigaChatWire.ts"

/**
 * GigaChat's embeddings, v1: `{model, input: […]}`, always a list, and nothing else. Usage stands on each vector. A vector has as
 * many numbers as its model gives it, so another `dimensions` is refused: the caller's index would not fit.
 */
export const make = (
  provider: string,
  parts: Pick<EmbeddingEndpoint, "upstream" | "credentials">
): Provider["embed"] => {
  const endpoint: EmbeddingEndpoint = {
    ...parts,
    teller: { provider },
    body: ({ model }, texts) => ({ model, input: texts }),
    refuse: ({ body, headers, status }) =>
      refusalFailure({
        provider,
        status,
        headers,
        message: wordsIn(body),
        // "Payload too large" is said of tokens as well as of bytes.
        code: status === 413 ? "context_length_exceeded" : undefined
      })
  }
  const carrier: Carrier = { provider, who: "GigaChat", carried: new Set() }
  return (call) =>
    call.dimensions === undefined
      ? Effect.succeed({ dropped: droppedNames(call.more ?? {}, carrier), embeddings: embedAt(endpoint, call) })
      : Effect.fromResult(unsupported(carrier, "dimensions", "each of its models gives vectors of one length"))
}
