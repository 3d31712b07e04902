import { Effect, type Scope } from "effect"
import type * as HttpClient from "effect/http/HttpClient"
import { make as makeResource } from "effect/observability/OtlpResource"
import { OtlpSerialization } from "effect/observability/OtlpSerialization"
import { type BatchExporter, makeBatchExporter } from "./BatchExporter.ts"
import { makeDelivery } from "./Delivery.ts"
import type { OtlpSpan } from "./FinishedSpan.ts"
import type { Exporting } from "./TraceOptions.ts"

/** Spans to the collector of traces. */
export const makeSpanExporter = Effect.fnUntraced(function* (
  options: Exporting
): Effect.fn.Return<BatchExporter<OtlpSpan>, never, HttpClient.HttpClient | OtlpSerialization | Scope.Scope> {
  const serialization = yield* OtlpSerialization
  const resource = makeResource({ attributes: Object.fromEntries(options.resource) })
  const delivery = yield* makeDelivery(options, { signal: "Traces", label: "traces", items: "spans", parts: "spans" })
  return yield* makeBatchExporter(options, delivery, (spans: Array<OtlpSpan>) =>
    serialization.traces({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "xrouter" }, spans }] }] })
  )
})
