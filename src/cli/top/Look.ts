import { Clock, Effect, type Redacted, Result, Schema } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { Health } from "../../gateway/HealthApi.ts"
import { foreign, silent } from "../Unreached.ts"
import { Exposition } from "./Exposition.ts"

/** What a gateway told of itself at one moment. */
export interface Look {
  /** Unix milliseconds. */
  readonly at: number
  /** Milliseconds of a clock that nobody sets. */
  readonly ticks: number
  readonly health: typeof Health.Type
  readonly told: Exposition
}

/** `message` is for whoever looks. */
export class NothingSeen extends Schema.TaggedError<NothingSeen>()("NothingSeen", { message: Schema.String }) {}

/** Whoever takes longer for what costs nothing is not well. */
const patience = "5 seconds"

/** Milliseconds of a clock that goes on evenly, while the time of day is set. */
export const ticks = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

export const look = Effect.fn("Look.take")(
  function* (url: string, token: Redacted.Redacted | undefined) {
    const metrics = HttpClientRequest.get(`${url}/metrics`)
    const [health, told] = yield* Effect.all(
      [
        Effect.flatMap(HttpClient.get(`${url}/health`), readHealth(url)),
        HttpClient.execute(token === undefined ? metrics : HttpClientRequest.bearerToken(metrics, token)).pipe(
          Effect.flatMap(readMetrics(url))
        )
      ],
      { concurrency: 2 }
    )
    const seen: Look = { at: yield* Clock.currentTimeMillis, ticks: yield* ticks, health, told }
    return seen
  },
  (effect, url) =>
    effect.pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => new NothingSeen({ message: `${url} does not answer within ${patience}` })
      }),
      Effect.mapError((error) =>
        HttpClientError.isHttpClientError(error)
          ? new NothingSeen({ message: error.response === undefined ? silent(url) : foreign(url) })
          : error
      )
    )
)

/** An instance that cannot serve tells why with a 503. */
const readHealth = (url: string) => (response: HttpClientResponse.HttpClientResponse) =>
  response.status === 200 || response.status === 503
    ? HttpClientResponse.schemaBodyJson(Health)(response).pipe(
        Effect.catchTag("SchemaError", () => new NothingSeen({ message: foreign(url) }))
      )
    : Effect.fail(new NothingSeen({ message: foreign(url, response.status) }))

const readMetrics = (url: string) =>
  Effect.fnUntraced(function* (response: HttpClientResponse.HttpClientResponse) {
    if (response.status === 401) {
      return yield* new NothingSeen({
        message: `${url} shows its metrics to who has its token: set XROUTER_METRICS_TOKEN to the gateway's own`
      })
    }
    const told = response.status === 200 ? Exposition.read(yield* response.text) : undefined
    if (told === undefined || Result.isFailure(told)) {
      return yield* new NothingSeen({ message: foreign(url, told === undefined ? response.status : undefined) })
    }
    return told.success
  })
