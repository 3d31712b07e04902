import { Option, Schema } from "effect"
import type { Collecting } from "./Collecting.ts"
import { readFields } from "./ProtobufReader.ts"

/** What a collector says of a batch that it has taken (OTLP specification, "Partial Success"). */
export interface PartialSuccess {
  /** Items that it has thrown away. They must not be sent again. */
  readonly rejected: number
  /** Why; where nothing was rejected, what it wants us to know. May be empty. */
  readonly message: string
}

/** Of an answer's body; undefined where all was taken, or where the body says nothing that is known. */
export const partialSuccess = (body: Uint8Array, protocol: Collecting["protocol"]): PartialSuccess | undefined => {
  const told = protocol === "http/json" ? inJson(body) : inProtobuf(body)
  return told === undefined || (told.rejected === 0 && told.message === "") ? undefined : told
}

/** A 64-bit number of protobuf in JSON is a text, and may be a number. */
const Count = Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.String, Schema.Number])))

/** Each signal has a word of its own for the same. */
const Answer = Schema.Struct({
  partialSuccess: Schema.Struct({
    rejectedSpans: Count,
    rejectedDataPoints: Count,
    rejectedLogRecords: Count,
    errorMessage: Schema.optionalKey(Schema.NullOr(Schema.String))
  })
})
const decodeAnswer = Schema.decodeUnknownOption(Schema.fromJsonString(Answer))

const inJson = (body: Uint8Array): PartialSuccess | undefined => {
  const answer = Option.getOrUndefined(decodeAnswer(Buffer.from(body).toString()))
  if (answer === undefined) return undefined
  const { errorMessage, rejectedDataPoints, rejectedLogRecords, rejectedSpans } = answer.partialSuccess
  const rejected = Number(rejectedSpans ?? rejectedDataPoints ?? rejectedLogRecords ?? 0)
  return { rejected: counted(rejected), message: errorMessage ?? "" }
}

/** By the numbers of `ExportTraceServiceResponse`, which those of metrics and logs have too. */
const inProtobuf = (body: Uint8Array): PartialSuccess | undefined => {
  const partial = readFields(body)?.get(1)
  const fields = partial instanceof Uint8Array ? readFields(partial) : undefined
  if (fields === undefined) return undefined
  const [rejected, message] = [fields.get(1), fields.get(2)]
  return {
    rejected: typeof rejected === "bigint" ? counted(Number(BigInt.asIntN(64, rejected))) : 0,
    message: message instanceof Uint8Array ? Buffer.from(message).toString() : ""
  }
}

const counted = (rejected: number): number => (rejected > 0 && Number.isFinite(rejected) ? rejected : 0)
