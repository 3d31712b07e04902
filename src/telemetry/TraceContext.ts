import { traceParent } from "./TraceParent.ts"

/** What those whom we call, and trust, are told of the trace that a request belongs to (W3C Trace Context). */
export interface TraceContext {
  /** As they are for the call that is under way. */
  readonly headers: TraceHeaders
}

export type TraceHeaders = { readonly traceparent?: string; readonly tracestate?: string }

/** Of a span of ours, or of our caller's. */
export const traceHeaders = (
  traceId: string,
  spanId: string,
  isSampled: boolean,
  tracestate: string | undefined
): TraceHeaders => {
  const traceparent = `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
}

/**
 * The caller's context, for a request that has no span here: whoever does not take part hands on what it was given (section 4.3).
 * Undefined where there is none to hand on.
 */
export const callersContext = (
  traceparent: string | undefined,
  tracestate: string | undefined
): TraceContext | undefined => {
  const parent = traceParent(traceparent)
  if (parent === undefined) return undefined
  return { headers: traceHeaders(parent.traceId, parent.spanId, parent.isSampled, validState(tracestate)) }
}

/** Vendors' own entries, which are nobody else's to read. Dropped where they are longer than anybody has to carry (section 3.3.1.5). */
export const validState = (tracestate: string | undefined): string | undefined =>
  tracestate !== undefined && /^[\t\x20-\x7e]{1,512}$/.test(tracestate) ? tracestate : undefined
