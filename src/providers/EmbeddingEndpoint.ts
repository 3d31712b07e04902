import { Effect, Result } from "effect"
import type { ProviderFailure } from "../domain/Errors.ts"
import { isJsonObject, type JsonObject } from "../domain/Json.ts"
import { authorized } from "./Authorized.ts"
import type { Teller } from "./BrokenAnswers.ts"
import type { Credentials } from "./Credentials.ts"
import type { Refusal } from "./Dialect.ts"
import { readEmbeddings } from "./EmbeddingAnswer.ts"
import { readJson } from "./JsonText.ts"
import type { EmbeddingCall, Embeddings } from "./Provider.ts"
import type { Upstream } from "./Upstream.ts"

/** An upstream's `POST /embeddings`. */
export interface EmbeddingEndpoint {
  readonly teller: Teller
  readonly upstream: Upstream
  readonly credentials: Credentials
  /** The request for these texts in the upstream's words. */
  readonly body: (call: EmbeddingCall, texts: ReadonlyArray<string>) => JsonObject
  readonly refuse: (refusal: Refusal) => ProviderFailure
  /** Most texts of one request, where it takes fewer than most do. */
  readonly textsPerCall?: number | undefined
}

/** So many vectors of 3072 numbers, written out, are well within what is read of one answer. */
const mostTexts = 256

/**
 * The vectors of all texts, in their order. A long list is asked for in pieces, one after the other, because the numbers of an
 * answer are many times longer than the texts.
 */
export const embedAt = (
  { body, credentials, refuse, teller, textsPerCall = mostTexts, upstream }: EmbeddingEndpoint,
  call: EmbeddingCall
): Effect.Effect<Embeddings, ProviderFailure> => {
  const ask = (texts: ReadonlyArray<string>): Effect.Effect<Embeddings, ProviderFailure> => {
    const written = JSON.stringify(body(call, texts))
    const sent = authorized(credentials, (proof) =>
      upstream.exchange({
        method: "POST",
        path: "/embeddings",
        headers: { accept: "application/json", "content-type": "application/json", ...proof },
        body: written,
        timers: call.timers,
        traceContext: call.traceContext
      })
    )
    return Effect.flatMap(sent, ({ headers, status, text }): Effect.Effect<Embeddings, ProviderFailure> => {
      if (status !== 200) return Effect.fail(refuse({ status, headers, body: text }))
      const read = readEmbeddings(teller, texts.length, text)
      if (Result.isSuccess(read)) return Effect.succeed(read.success)
      return Effect.fail(isRefusal(text) ? refuse({ status, headers, body: text }) : read.failure)
    })
  }
  const { input } = call
  if (input.length <= textsPerCall) return ask(input)
  const pieces: Array<ReadonlyArray<string>> = []
  for (let start = 0; start < input.length; start += textsPerCall) pieces.push(input.slice(start, start + textsPerCall))
  return Effect.map(Effect.forEach(pieces, ask), joined)
}

/** Gateways in front of a model answer 200 before they know that it will refuse. */
const isRefusal = (body: string): boolean => {
  const json = readJson(body)
  return isJsonObject(json) && json["error"] !== undefined && json["error"] !== null
}

const joined = (answers: ReadonlyArray<Embeddings>): Embeddings => ({
  vectors: answers.flatMap(({ vectors }) => vectors),
  promptTokens: answers.reduce<number | undefined>(
    (sum, { promptTokens }) => (sum === undefined || promptTokens === undefined ? undefined : sum + promptTokens),
    0
  )
})
