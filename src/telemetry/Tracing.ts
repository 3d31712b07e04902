import { Clock, Context, Effect, Layer } from "effect"
import { randomBytes } from "node:crypto"
import { collectorServices } from "./CollectorCall.ts"
import { type FinishedSpan, toOtlp } from "./FinishedSpan.ts"
import { RequestTrace } from "./RequestTrace.ts"
import { makeSpanExporter } from "./SpanExporter.ts"
import { type Exporting, TraceOptions } from "./TraceOptions.ts"
import { validState } from "./TraceContext.ts"
import { traceParent } from "./TraceParent.ts"
import { traceSampler } from "./TraceSampler.ts"

/**
 * Traces by OTLP over HTTP. A request that is traced gets a `RequestTrace`, which makes its spans at the request's end of what was measured
 * anyway; no Effect is wrapped.
 */
export class Tracing extends Context.Service<
  Tracing,
  {
    /**
     * Begins the trace of a request, or goes on with its caller's; gives undefined where the request is not traced. Undefined itself
     * where nothing is exported, so that no request pays for it.
     */
    readonly begin:
      | ((traceparent: string | undefined, tracestate: string | undefined) => RequestTrace | undefined)
      | undefined
  }
>()("xrouter/telemetry/Tracing") {
  static readonly layer = Layer.effect(
    Tracing,
    Effect.gen(function* () {
      const { tracing } = yield* TraceOptions
      return { begin: tracing === undefined ? undefined : yield* beginning(tracing) }
    })
  )
}

const beginning = Effect.fnUntraced(function* (options: Exporting) {
  const clock = yield* Clock.Clock
  const services = yield* Layer.build(collectorServices(options.protocol))
  const exporter = yield* Effect.provideContext(makeSpanExporter(options), services)
  const isSampled = traceSampler(options.sampler)

  const finished = (spans: ReadonlyArray<FinishedSpan>) => {
    // Taken anew for each request: over weeks the two clocks part.
    const offset = clock.currentTimeMillisUnsafe() - Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    for (const span of spans) exporter.push(toOtlp(span, offset))
  }

  return (header: string | undefined, tracestate: string | undefined): RequestTrace | undefined => {
    const parent = traceParent(header)
    const traceId = parent?.traceId ?? randomBytes(16).toString("hex")
    return isSampled(traceId, parent)
      ? new RequestTrace(traceId, parent, finished, parent && validState(tracestate))
      : undefined
  }
})
