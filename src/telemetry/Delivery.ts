import { Effect, Layer, Redacted, Stream } from "effect"
import type { HttpBody } from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { layerJson, type OtlpSerialization } from "effect/observability/OtlpSerialization"
import type { Collecting } from "./Collecting.ts"
import * as OtlpProtobuf from "./OtlpProtobuf.ts"

/** What one signal and its items are called where their loss is told. */
export interface Words {
  readonly signal: "Traces" | "Metrics" | "Log records"
  /** Undefined where one that was missed is not missing. */
  readonly items: string | undefined
}

/**
 * The way of one signal to its collector. The log hears once that something is lost, and once that nothing is any more; nothing fails
 * because of it.
 */
export interface Delivery {
  /** Whether it was taken, tried again where it might be. */
  readonly deliver: (body: HttpBody, items: number, tries: number) => Effect.Effect<boolean>
  /** An item found no room. */
  readonly overflowed: () => void
  /** The last delivery, of what is left at the process' end. It is given up where it takes too long. */
  readonly last: (delivering: Effect.Effect<unknown>) => Effect.Effect<void>
}

/** Tries of a batch that the collector did not take, and might (OTLP specification, "Failures"); then it is dropped. */
export const tries = 3

/** How long the process stays for what is left of one signal; and where its collector has not taken the batch before either. */
const flushing = { usually: "3 seconds", afterFailure: "300 millis" } as const

const pause = "1 second"

/** What a delivery needs; loaded only where there is a collector, since it costs a part of the start. */
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

export const makeDelivery = Effect.fnUntraced(function* (
  options: Collecting,
  { items: named, signal }: Words
): Effect.fn.Return<Delivery, never, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  const target = HttpClientRequest.post(options.endpoint, {
    headers: {
      "user-agent": "xrouter",
      ...(options.headers === undefined ? {} : Object.fromEntries(Redacted.value(options.headers)))
    }
  })
  /** Of its URL as much as is no secret anywhere. */
  const origin = URL.parse(options.endpoint)?.origin ?? options.endpoint
  let lost = 0
  let isOverflowing = false
  let isFailing = false
  let isLastTaken = true

  /** Only what went wrong is told: the request has the collector's key in its headers. */
  const post = (body: HttpBody): Effect.Effect<void, Refusal> =>
    client.execute(HttpClientRequest.setBody(target, body)).pipe(
      Effect.mapError((error): Refusal => ({ what: notReached(error), isPassing: true })),
      // Read to its end, that the connection may be used again, and not kept: it may be none of a collector, and have no end.
      Effect.tap((response) => Effect.ignore(Stream.runDrain(response.stream))),
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

  const taken = Effect.suspend(() => {
    if (isOverflowing) {
      isOverflowing = false
      return losing("takes them slower than they come")
    }
    if (!isFailing) return Effect.void
    const gone = lost
    isFailing = false
    lost = 0
    const loss = named === undefined ? "" : `; lost meanwhile: ${gone} ${named}`
    return Effect.logInfo(`The collector of ${signal.toLowerCase()} takes them again${loss}`)
  })

  /** Told once, until all are taken again. */
  const losing = (what: string) => {
    if (isFailing) return Effect.void
    isFailing = true
    return Effect.logWarning(`${signal} are being lost: the collector at ${origin} ${what}`)
  }

  const deliver = (body: HttpBody, items: number, triesLeft: number): Effect.Effect<boolean> =>
    Effect.matchEffect(post(body), {
      onSuccess: () => {
        isLastTaken = true
        return Effect.as(taken, true)
      },
      onFailure: ({ isPassing, what }) => {
        if (isPassing && triesLeft > 1) return Effect.andThen(Effect.sleep(pause), deliver(body, items, triesLeft - 1))
        lost += items
        isLastTaken = false
        return Effect.as(losing(what), false)
      }
    })

  return {
    deliver,
    overflowed: () => {
      lost++
      isOverflowing = true
    },
    last: (delivering) =>
      Effect.suspend(() =>
        Effect.asVoid(
          Effect.timeoutOption(Effect.interruptible(delivering), isLastTaken ? flushing.usually : flushing.afterFailure)
        )
      )
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
