import { Effect } from "effect"
import { eventually } from "./Eventually.ts"
import { recordsIn, type ToldRecord } from "./OtlpLogs.ts"
import { toldBy, type ToldMetrics } from "./OtlpMetrics.ts"
import * as Scripted from "./ScriptedUpstream.ts"

/** A span as the collector was told of it. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { readonly code: number; readonly message?: string }
  /** By name, as plain values. */
  readonly attributes: Readonly<Record<string, unknown>>
}

/** Takes the three signals by OTLP over HTTP, in JSON. */
export interface Collector {
  /** The whole URL for traces. */
  readonly url: string
  readonly metricsUrl: string
  readonly logsUrl: string
  readonly upstream: Scripted.ScriptedUpstream
  readonly spans: () => ReadonlyArray<Span>
  readonly records: () => ReadonlyArray<ToldRecord>
  /** As they were told last; undefined where they never were. */
  readonly metrics: () => ToldMetrics | undefined
  /** Attributes of the instance that has sent the last batch. */
  readonly resource: () => Readonly<Record<string, unknown>>
  /** The spans of the request of this id, the server's first, as soon as they are there. */
  readonly ofRequest: (requestId: string | null) => Effect.Effect<readonly [server: Span, ...calls: Array<Span>]>
}

export const make = Effect.fnUntraced(function* (
  answer: (call: number) => Scripted.Step = () => Scripted.json(200, {})
) {
  let calls = 0
  const upstream = yield* Scripted.make(() => answer(++calls))
  const textsTo = (path: string) => upstream.requests.filter((request) => request.path === path).map(({ text }) => text)
  const bodies = () => textsTo(paths.traces).map((text): TraceData => JSON.parse(text))
  const spans = () =>
    bodies().flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans.map((span): Span => ({ ...span, attributes: plain(span.attributes) })))
      )
    )
  const collector: Collector = {
    url: upstream.url + paths.traces,
    metricsUrl: upstream.url + paths.metrics,
    logsUrl: upstream.url + paths.logs,
    upstream,
    spans,
    records: () => textsTo(paths.logs).flatMap(recordsIn),
    metrics: () => textsTo(paths.metrics).map(toldBy).at(-1),
    resource: () => plain(bodies().at(-1)?.resourceSpans[0]?.resource.attributes ?? []),
    ofRequest: Effect.fnUntraced(function* (requestId) {
      const server = () => spans().find(({ attributes }) => attributes["xrouter.request_id"] === requestId)
      yield* eventually(Effect.sync(() => server() !== undefined))
      const found = server()
      if (found === undefined) return yield* Effect.die("the span is gone")
      const isCall = ({ parentSpanId, traceId }: Span) => traceId === found.traceId && parentSpanId === found.spanId
      return [found, ...spans().filter(isCall)] as const
    })
  }
  return collector
})

const paths = { traces: "/v1/traces", metrics: "/v1/metrics", logs: "/v1/logs" } as const

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface TraceData {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<KeyValue> }
    readonly scopeSpans: ReadonlyArray<{
      readonly spans: ReadonlyArray<Omit<Span, "attributes"> & { readonly attributes: ReadonlyArray<KeyValue> }>
    }>
  }>
}

const plain = (attributes: ReadonlyArray<KeyValue>): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
