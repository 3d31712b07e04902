import type { RequestTrace } from "./RequestTrace.ts"

/** What a line of the log is annotated with, so that it is found with the line of its request and with its span. */
export const annotationsOf = (requestId: string, trace: RequestTrace | undefined): Readonly<Record<string, string>> =>
  trace === undefined
    ? { request_id: requestId }
    : { request_id: requestId, trace_id: trace.traceId, span_id: trace.spanId }
