/** A line of the log as the collector was told of it. */
export interface ToldRecord {
  readonly timeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly body: string
  readonly traceId?: string
  readonly spanId?: string
  readonly flags?: number
  /** By name, as plain values. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** What OTLP calls the kind of each. */
  readonly kinds: Readonly<Record<string, string | undefined>>
}

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface LogRecord extends Omit<ToldRecord, "body" | "attributes" | "kinds"> {
  readonly body: { readonly stringValue: string }
  readonly attributes: ReadonlyArray<KeyValue>
}

/** The records of one request by OTLP in JSON. */
export const recordsIn = (json: string): ReadonlyArray<ToldRecord> => {
  const [{ scopeLogs }] = JSON.parse(json).resourceLogs
  return scopeLogs[0].logRecords.map(({ attributes, body, ...record }: LogRecord): ToldRecord => ({
    ...record,
    body: body.stringValue,
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
    kinds: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.keys(value)[0]]))
  }))
}
