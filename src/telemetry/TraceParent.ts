/** The caller's span, as its `traceparent` header tells (W3C Trace Context, section 3.2). */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  readonly isSampled: boolean
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Undefined where there is none, or what is there is not one: a trace then begins here. */
export const traceParent = (header: string | undefined): TraceParent | undefined => {
  const [, version, traceId, spanId, flags, more] = header === undefined ? [] : (form.exec(header) ?? [])
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined
  // A later version may say more; this one may not, and 255 is none.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
