import { Effect, Layer, Redacted, Stream } from "effect"
import type { HttpBody } from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import { layerJson, type OtlpSerialization } from "effect/observability/OtlpSerialization"
import { retryAfterMillis } from "../domain/RetryAfter.ts"
import type { Collecting } from "./Collecting.ts"
import { excerpt } from "./Excerpt.ts"
import * as OtlpProtobuf from "./OtlpProtobuf.ts"
import { type PartialSuccess, partialSuccess } from "./PartialSuccess.ts"

/** Why a collector has not taken a batch. Only what went wrong is told: the request has the collector's key in its headers. */
export interface Refusal {
  readonly what: string
  /** Of its answer, if there was one. */
  readonly status?: number
  /** The same batch may be taken at another time. */
  readonly isPassing: boolean
  /** Milliseconds until then, where the collector says so. */
  readonly retryAfter?: number | undefined
}

/** One signal's collector, to be asked once. */
export interface CollectorCall {
  /** Of its URL as much as is no secret anywhere. */
  readonly origin: string
  /** Gives what the collector has to say of a batch that it has taken, if anything. */
  readonly post: (body: HttpBody) => Effect.Effect<PartialSuccess | undefined, Refusal>
}

/** What a call needs; loaded only where there is a collector, since it costs a part of the start. */
export const collectorServices = (
  protocol: Collecting["protocol"]
): Layer.Layer<HttpClient.HttpClient | OtlpSerialization> =>
  Layer.merge(
    protocol === "http/json" ? layerJson : OtlpProtobuf.layer,
    Layer.unwrap(
      Effect.map(
        Effect.promise(() => import("@effect/platform-node/NodeHttpClient")),
        ({ layerNodeHttp }) => layerNodeHttp
      )
    )
  )

export const makeCollectorCall = Effect.fnUntraced(function* (
  options: Collecting
): Effect.fn.Return<CollectorCall, never, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  const headers = options.headers === undefined ? [] : Redacted.value(options.headers)
  const target = HttpClientRequest.post(options.endpoint, {
    headers: { "user-agent": "xrouter", ...Object.fromEntries(headers) }
  })
  const wordsOf = collectorsWords(headers)

  const post = (body: HttpBody): Effect.Effect<PartialSuccess | undefined, Refusal> =>
    client.execute(HttpClientRequest.setBody(target, body)).pipe(
      Effect.mapError((error): Refusal => ({ what: notReached(error), isPassing: true })),
      Effect.flatMap((response) => {
        const { headers, status } = response
        const isTaken = status >= 200 && status < 300
        return Effect.flatMap(read(response, isTaken ? longestAnswer : 0), (body) => {
          if (!isTaken) {
            const retryAfter = retryAfterMillis(headers)
            const what = `answers ${status}`
            return Effect.fail<Refusal>({ what, status, isPassing: passing.has(status), retryAfter })
          }
          const told = partialSuccess(body, options.protocol)
          return Effect.succeed(told && { ...told, message: wordsOf(told.message) })
        })
      }),
      Effect.timeoutOrElse({
        duration: options.timeout,
        orElse: () => Effect.fail<Refusal>({ what: "does not answer in time", isPassing: true })
      }),
      Effect.withTracerEnabled(false)
    )

  return { origin: URL.parse(options.endpoint)?.origin ?? options.endpoint, post }
})

/** Statuses after which the same batch may be taken (OTLP specification, "Failures"). */
const passing = new Set([429, 502, 503, 504])

/** Bytes of an answer that are kept: a collector's is short, and what else is asked may have no end. */
const longestAnswer = 65_536

/** Reads to the end, that the connection may be used again, and keeps the beginning. */
const read = (response: HttpClientResponse, most: number): Effect.Effect<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  let length = 0
  const keep = (piece: Uint8Array) =>
    Effect.sync(() => {
      if (length < most) pieces.push(piece.subarray(0, most - length))
      length += piece.length
    })
  return Effect.map(Effect.ignore(Stream.runForEach(response.stream, keep)), () => Buffer.concat(pieces))
}

const longestWords = 500

/** What a collector says, fit for one line: without what it was sent in the headers, should it say it again. */
const collectorsWords = (headers: ReadonlyArray<readonly [name: string, value: string]>) => {
  const secrets = headers.flatMap(([, value]) => [value, ...value.split(" ")]).filter(({ length }) => length > 3)
  return (text: string): string => {
    const masked = secrets.reduce((said, secret) => said.replaceAll(secret, "***"), text)
    return excerpt(masked.replaceAll(/\p{Cc}+/gu, " ").trim(), longestWords)
  }
}

const notReached = ({ reason }: HttpClientError): string =>
  reason._tag === "TransportError" ? "is not reached" : `cannot be asked (${reason._tag})`
