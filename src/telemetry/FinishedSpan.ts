import { entriesToAttributes } from "effect/observability/OtlpResource"
import type { TraceData } from "effect/observability/OtlpTracer"

/** A part of a trace that is over. */
export interface FinishedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly kind: (typeof spanKinds)[keyof typeof spanKinds]
  /** Milliseconds of a monotonic clock. */
  readonly startedAt: number
  readonly endedAt: number
  readonly outcome: SpanOutcome
  readonly attributes: ReadonlyArray<readonly [name: string, value: string | number | boolean]>
}

export type SpanOutcome =
  | { readonly _tag: "Unset" }
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly reason: string }

/** `Span.SpanKind` of OTLP. */
export const spanKinds = { server: 2, client: 3 } as const

/** `Status.StatusCode` of OTLP. */
const codes = { Unset: 0, Done: 1, Failed: 2 } as const

type Span = TraceData["resourceSpans"][number]["scopeSpans"][number]["spans"][number]

/** A name of our own for it, since Effect exports none and declarations need one. */
export interface OtlpSpan extends Span {}

/** As OTLP has it. `offset` is what the monotonic clock lacks to the time since 1970, in milliseconds. */
export const toOtlp = (span: FinishedSpan, offset: number): OtlpSpan => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId,
  name: span.name,
  kind: span.kind,
  startTimeUnixNano: unixNanos(span.startedAt + offset),
  endTimeUnixNano: unixNanos(span.endedAt + offset),
  attributes: entriesToAttributes(span.attributes.map(([name, value]) => [name, value])),
  droppedAttributesCount: 0,
  events: [],
  droppedEventsCount: 0,
  status: {
    code: codes[span.outcome._tag],
    ...(span.outcome._tag === "Failed" ? { message: span.outcome.reason } : {})
  },
  links: [],
  droppedLinksCount: 0
})

/** To a microsecond: more digits than a double has would be made up. */
const unixNanos = (millis: number): string => `${Math.round(millis * 1000)}000`
