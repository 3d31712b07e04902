import { Effect, Latch, Redacted, type Scope } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { make as makeResource } from "effect/observability/OtlpResource"
import { OtlpSerialization } from "effect/observability/OtlpSerialization"
import type { OtlpSpan } from "./FinishedSpan.ts"
import type { Exporting } from "./TraceOptions.ts"

export interface SpanExporter {
  /** Never waits. What finds no room is dropped, and counted. */
  readonly push: (span: OtlpSpan) => void
}

/** Tries of a batch that the collector did not take, and might (OTLP specification, "Failures"); then it is dropped. */
const tries = 3

const pause = "1 second"

/** How long the process stays for what is left. */
const flushing = "3 seconds"

/**
 * Sends spans in batches, one at a time, from a queue that has an end: a collector that is down, or takes a batch and never answers, holds up
 * one request of ours and no more memory than the queue. Effect's own exporter has neither bound.
 */
export const makeSpanExporter = Effect.fnUntraced(function* (
  options: Exporting
): Effect.fn.Return<SpanExporter, never, HttpClient.HttpClient | OtlpSerialization | Scope.Scope> {
  const { batchSize, queueSize } = options
  const client = yield* HttpClient.HttpClient
  const serialization = yield* OtlpSerialization
  const resource = makeResource({ attributes: Object.fromEntries(options.resource) })
  const target = HttpClientRequest.post(options.endpoint, {
    headers: options.headers === undefined ? {} : Object.fromEntries(Redacted.value(options.headers))
  })
  const spans: Array<OtlpSpan> = []
  const full = Latch.makeUnsafe()
  let lost = 0
  let isOverflowing = false
  let isFailing = false

  /** Only what went wrong is told: the request has the collector's key in its headers. */
  const post = (batch: Array<OtlpSpan>): Effect.Effect<void, Refusal> =>
    Effect.suspend(() =>
      client.execute(
        HttpClientRequest.setBody(
          target,
          serialization.traces({
            resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "xrouter" }, spans: batch }] }]
          })
        )
      )
    ).pipe(
      Effect.mapError((error): Refusal => ({ what: notReached(error), isPassing: true })),
      Effect.tap((response) => Effect.ignore(response.arrayBuffer)),
      Effect.flatMap(({ status }) =>
        status >= 200 && status < 300
          ? Effect.void
          : Effect.fail<Refusal>({ what: `answers ${status}`, isPassing: passing.has(status) })
      ),
      Effect.timeoutOrElse({
        duration: options.timeout,
        orElse: () => Effect.fail<Refusal>({ what: "does not answer in time", isPassing: true })
      }),
      Effect.withTracerEnabled(false)
    )

  const sent = Effect.suspend(() => {
    if (isOverflowing) {
      isOverflowing = false
      return losing("takes them slower than they come")
    }
    if (!isFailing) return Effect.void
    const gone = lost
    isFailing = false
    lost = 0
    return Effect.logInfo(`The collector of traces takes them again; ${gone} spans were lost`)
  })

  /** Told once, until all are taken again. */
  const losing = (what: string) => {
    if (isFailing) return Effect.void
    isFailing = true
    return Effect.logWarning(`Traces are being lost: the collector ${what}`)
  }

  /** The batch stays in the queue until it is gone, so that what waits is never more than the queue. */
  const exportBatch = (triesLeft: number): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const batch = spans.slice(0, batchSize)
      if (batch.length === 0) return Effect.succeed(true)
      return Effect.matchEffect(post(batch), {
        onSuccess: () => {
          spans.splice(0, batch.length)
          return Effect.as(sent, true)
        },
        onFailure: (refusal) => {
          if (refusal.isPassing && triesLeft > 1) {
            return Effect.andThen(Effect.sleep(pause), exportBatch(triesLeft - 1))
          }
          spans.splice(0, batch.length)
          lost += batch.length
          return Effect.as(losing(refusal.what), false)
        }
      })
    })

  /** All that waits; ends at the first batch that is not taken. */
  const exportAll = (tries: number): Effect.Effect<void> =>
    Effect.flatMap(exportBatch(tries), (isTaken) => (isTaken && spans.length > 0 ? exportAll(tries) : Effect.void))

  yield* Effect.addFinalizer(() => Effect.timeoutOption(Effect.interruptible(exportAll(1)), flushing))
  yield* full.await.pipe(
    Effect.timeoutOption(options.interval),
    Effect.andThen(exportAll(tries)),
    Effect.andThen(Effect.sync(() => spans.length < batchSize && full.closeUnsafe())),
    Effect.forever,
    Effect.forkScoped
  )

  return {
    push: (span) => {
      if (spans.length >= queueSize) {
        lost++
        isOverflowing = true
        return
      }
      spans.push(span)
      if (spans.length >= batchSize) full.openUnsafe()
    }
  }
})

interface Refusal {
  readonly what: string
  /** The same batch may be taken at another time. */
  readonly isPassing: boolean
}

const passing = new Set([429, 502, 503, 504])

const notReached = ({ reason }: HttpClientError): string =>
  reason._tag === "TransportError" ? "is not reached" : `cannot be asked (${reason._tag})`
