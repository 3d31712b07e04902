import { randomBytes } from "node:crypto"
import type { Usage } from "../domain/Usage.ts"
import { excerpt } from "./Excerpt.ts"
import { type AttributeName, names, type Operation } from "./SpanAttributes.ts"
import { type FinishedSpan, type SpanOutcome, spanKinds } from "./FinishedSpan.ts"
import { type TraceContext, type TraceHeaders, traceHeaders } from "./TraceContext.ts"
import type { TraceParent } from "./TraceParent.ts"

/** What a request has come to. No field has room for a key, a header or a prompt. */
export interface TracedRequest {
  readonly requestId: string
  readonly method: string
  /** The route's pattern: never the path as it was typed. */
  readonly route: string
  readonly operation: Operation
  readonly status: number
  readonly stream: boolean
  readonly isCancelled: boolean
  /** Milliseconds of a monotonic clock. */
  readonly arrivedAt: number
  readonly endedAt: number
  /** When the provider was done with; undefined where it was not heard to its end. */
  readonly answeredAt: number | undefined
  readonly firstContentAt: number | undefined
  readonly ip: string
  readonly code: string | undefined
  readonly reason: string | undefined
  readonly keyId: string | undefined
  readonly userId: string | undefined
  /** As the client asked for it. */
  readonly model: string | undefined
  readonly answerId: string | undefined
  readonly usage: Usage | undefined
  readonly isUsageEstimated: boolean
}

/** One try at one candidate. Milliseconds of a monotonic clock. */
interface Call {
  readonly spanId: string
  readonly provider: string
  readonly model: string
  readonly kind: "first" | "retry" | "fallback"
  readonly startedAt: number
  failedAt: number | undefined
  reason: string | undefined
  upstreamStatus: number | undefined
}

/** What a try has failed with: never its words, which may be the provider's. */
export interface CallFailure {
  readonly reason: string
  readonly upstreamStatus?: number | undefined
}

/**
 * What becomes spans once a request has ended: one of the server, and one of a client below it for each call of a provider. Until then it is
 * two ids and a list, so that a traced request runs as any other does.
 */
export class RequestTrace implements TraceContext {
  readonly traceId: string
  readonly spanId = newSpanId()
  private readonly parentSpanId: string | undefined
  private readonly finished: (spans: ReadonlyArray<FinishedSpan>) => void
  private readonly tracestate: string | undefined
  private readonly calls: Array<Call> = []

  constructor(
    traceId: string,
    parent: TraceParent | undefined,
    finished: (spans: ReadonlyArray<FinishedSpan>) => void,
    tracestate?: string | undefined
  ) {
    this.traceId = traceId
    this.parentSpanId = parent?.spanId
    this.finished = finished
    this.tracestate = tracestate
  }

  /** A call's own span is the parent of whatever the provider makes of it. */
  get headers(): TraceHeaders {
    return traceHeaders(this.traceId, this.calls.at(-1)?.spanId ?? this.spanId, true, this.tracestate)
  }

  callBegan(provider: string, model: string, startedAt: number): void {
    const isAgain = this.calls.some((call) => call.provider === provider && call.model === model)
    this.calls.push({
      spanId: newSpanId(),
      provider,
      model,
      kind: this.calls.length === 0 ? "first" : isAgain ? "retry" : "fallback",
      startedAt,
      failedAt: undefined,
      reason: undefined,
      upstreamStatus: undefined
    })
  }

  /** Of the call that was begun last. */
  callFailed({ reason, upstreamStatus }: CallFailure, failedAt: number): void {
    const call = this.calls.at(-1)
    if (call === undefined || call.failedAt !== undefined) return
    call.failedAt = failedAt
    call.reason = reason
    call.upstreamStatus = upstreamStatus
  }

  /** Called once, when the answer has gone or the client has. A call that has not failed ends with the request. */
  end(request: TracedRequest): void {
    const spans = this.calls.map((call, index) => this.ofCall(request, call, index + 1))
    spans.push(this.ofRequest(request))
    this.finished(spans)
  }

  private ofRequest(request: TracedRequest): FinishedSpan {
    const { isCancelled, reason, status } = request
    const isFault = status >= 500 || request.code === "provider_error" || request.code === "internal_error"
    return {
      traceId: this.traceId,
      spanId: this.spanId,
      parentSpanId: this.parentSpanId,
      name: `${request.method} ${request.route}`,
      kind: spanKinds.server,
      startedAt: request.arrivedAt,
      endedAt: request.endedAt,
      outcome: !isCancelled && isFault ? { _tag: "Failed", reason: reason ?? String(status) } : unset,
      attributes: present({
        [names.method]: request.method,
        [names.route]: request.route,
        [names.status]: status,
        [names.client]: request.ip,
        [names.error]: reason,
        [names.code]: request.code,
        [names.cancelled]: isCancelled ? true : undefined,
        [names.requestId]: request.requestId,
        [names.keyId]: request.keyId,
        [names.user]: request.userId,
        ...(request.model === undefined
          ? {}
          : {
              [names.operation]: request.operation,
              [names.model]: clip(request.model),
              [names.stream]: request.stream,
              [names.answerId]: request.answerId,
              [names.attempts]: this.calls.length
            })
      })
    }
  }

  private ofCall(request: TracedRequest, call: Call, number: number): FinishedSpan {
    const { failedAt, reason = request.isCancelled ? undefined : request.reason, startedAt } = call
    const isServing = failedAt === undefined
    const { firstContentAt, usage } = isServing ? request : nothing
    return {
      traceId: this.traceId,
      spanId: call.spanId,
      parentSpanId: this.spanId,
      name: `${request.operation} ${clip(call.model)}`,
      kind: spanKinds.client,
      startedAt,
      endedAt: Math.max(startedAt, failedAt ?? request.answeredAt ?? request.endedAt),
      outcome: outcomeOf(reason, isServing && request.isCancelled),
      attributes: present({
        [names.operation]: request.operation,
        [names.provider]: call.provider,
        [names.model]: clip(call.model),
        [names.stream]: request.stream,
        [names.attempt]: number,
        [names.attemptKind]: call.kind,
        [names.error]: reason,
        [names.status]: call.upstreamStatus,
        [names.cancelled]: isServing && request.isCancelled ? true : undefined,
        [names.firstContent]: firstContentAt === undefined ? undefined : (firstContentAt - startedAt) / 1000,
        [names.inputTokens]: usage?.promptTokens,
        [names.outputTokens]: usage?.completionTokens,
        [names.cachedTokens]: usage?.cachedTokens,
        [names.estimated]: usage === undefined ? undefined : request.isUsageEstimated
      })
    }
  }
}

const nothing = { firstContentAt: undefined, usage: undefined }

/** Left to the reader, as OpenTelemetry asks of a server whose client erred or left. */
const unset: SpanOutcome = { _tag: "Unset" }

const outcomeOf = (reason: string | undefined, isCancelled: boolean): SpanOutcome => {
  if (isCancelled) return unset
  return reason === undefined ? { _tag: "Done" } : { _tag: "Failed", reason }
}

const present = (attributes: {
  readonly [Name in AttributeName]?: string | number | boolean | undefined
}): FinishedSpan["attributes"] =>
  Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))

const newSpanId = (): string => randomBytes(8).toString("hex")

/** Characters of one value: a model's name is the client's own text. */
const longest = 256

const clip = (value: string): string => excerpt(value, longest)
