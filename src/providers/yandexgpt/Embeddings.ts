import { Duration, Effect, Result, Schedule } from "effect"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { type Json, type JsonObject, isJsonObject } from "../../domain/Json.ts"
import { tokenCount } from "../../domain/Usage.ts"
import { authorized } from "../Authorized.ts"
import { invalidAnswer, type Teller } from "../BrokenAnswers.ts"
import type { Credentials } from "../Credentials.ts"
import { elements, readJson } from "../JsonText.ts"
import { droppedNames } from "../Parameters.ts"
import type { EmbeddingCall, Provider } from "../Provider.ts"
import type { Upstream } from "../Upstream.ts"
import { clientRequestId } from "./ClientRequestId.ts"
import { faultFailure, faultOf, faultOfBody } from "./Fault.ts"
import { embeddingUri } from "./ModelUri.ts"
import * as Pace from "./Pace.ts"

export interface EmbeddingParts {
  readonly teller: Teller
  readonly folderId: string
  readonly upstream: Upstream
  readonly credentials: Credentials
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
}

const path = "/foundationModels/v1/textEmbedding"

/** The vendor's quota; a little more than a second, because requests do not arrive in the rhythm in which they are sent. */
const perWindow = 10
const window = Duration.millis(1050)

/** Of one caller's texts: so that a long list does not hold more connections than the rate can use. */
const concurrency = 10

interface Embedded {
  readonly vector: ReadonlyArray<number>
  readonly tokens: number
}

/**
 * `POST /foundationModels/v1/textEmbedding` (EmbeddingsService.TextEmbedding of Yandex Cloud) takes one text a call, and ten calls a
 * second: a list is sent as so many calls, at that pace for all callers of this provider together.
 */
export const make = (parts: EmbeddingParts): NonNullable<Provider["embed"]> => {
  const pace = Pace.make(perWindow, window)
  const carrier = { provider: parts.teller.provider, who: "YandexGPT models", carried: new Set<string>() }
  return (call) =>
    Effect.map(Effect.fromResult(embeddingUri(parts.teller.provider, parts.folderId, call.model)), (modelUri) => ({
      dropped: droppedNames(call.more ?? {}, carrier),
      embeddings: Effect.map(
        Effect.forEach(
          call.input,
          (text, index) => Effect.retry(Effect.andThen(pace, embedOne(parts, call, modelUri, text, index)), again),
          { concurrency }
        ),
        (all) => {
          const promptTokens = tokenCount(all.reduce((sum, { tokens }) => sum + tokens, 0))
          return {
            vectors: all.map(({ vector }) => vector),
            promptTokens: promptTokens === 0 ? undefined : promptTokens
          }
        }
      )
    }))
}

/** The quota is shared with whoever else uses the folder: one text that was too many must not cost the whole list. */
const again = {
  times: 3,
  schedule: Schedule.spaced("1 second"),
  while: (failure: ProviderFailure) => failure._tag === "RateLimitError" && (failure.retryAfterMillis ?? 0) <= 1000
}

const embedOne = Effect.fnUntraced(function* (
  { teller, upstream, credentials, headers }: EmbeddingParts,
  { requestId, input, dimensions, timers, traceContext }: EmbeddingCall,
  modelUri: string,
  text: string,
  index: number
): Effect.fn.Return<Embedded, ProviderFailure> {
  const body: JsonObject = {
    modelUri,
    text,
    // int64, which protobuf's JSON writes as a string.
    ...(dimensions === undefined ? {} : { dim: String(dimensions) })
  }
  const answer = yield* authorized(credentials, (proof) =>
    upstream.exchange({
      method: "POST",
      path,
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        "x-client-request-id": clientRequestId(requestId),
        ...headers,
        ...proof
      },
      body: JSON.stringify(body),
      timers,
      traceContext
    })
  )
  const param = input.length === 1 ? "input" : `input[${index}]`
  if (answer.status !== 200) return yield* faultFailure(teller, faultOfBody(answer.text), answer, param)
  const read = readJson(answer.text)
  const fault = faultOf(read)
  if (fault !== undefined) return yield* faultFailure(teller, fault, answer, param)
  return yield* Effect.fromResult(readEmbedding(teller, read))
})

const readEmbedding = (teller: Teller, answer: Json | undefined): Result.Result<Embedded, ProviderFailure> => {
  const fields = isJsonObject(answer) ? answer : {}
  const numbers = elements(fields["embedding"])
  const vector = numbers.filter((number) => typeof number === "number")
  return vector.length === 0 || vector.length !== numbers.length
    ? Result.fail(invalidAnswer(teller, "sent something else than an embedding"))
    : Result.succeed({ vector, tokens: tokenCount(fields["numTokens"]) })
}
