import { Option, Redacted, Schema, SchemaGetter } from "effect"
import { choice } from "./Values.ts"

/** The values of OpenTelemetry's own variables that have a form of their own. As everywhere, messages never tell what was found. */

export const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
] as const

export const Sampler = choice(samplers)

export const Protocol = Schema.Literals(["http/protobuf", "http/json"]).annotate({
  message: "Expected http/protobuf or http/json; gRPC is not spoken"
})

export const Share = Schema.String.check(
  Schema.makeFilter((text) => /^\d*\.?\d+$/.test(text) && Number(text) <= 1, {
    message: "Expected a number from 0 to 1"
  })
).pipe(
  Schema.decodeTo(Schema.Finite, {
    decode: SchemaGetter.transform(Number),
    encode: SchemaGetter.forbidden(() => "Settings are only read")
  })
)

/** `name=value` with commas between them, the values percent-encoded (W3C Baggage). Undefined where one is none. */
const pairsOf = (text: string): ReadonlyArray<readonly [string, string]> | undefined => {
  const pairs: Array<readonly [string, string]> = []
  for (const entry of text.split(",")) {
    if (entry.trim() === "") continue
    const split = entry.indexOf("=")
    const name = entry.slice(0, Math.max(0, split)).trim()
    const value = decoded(entry.slice(split + 1).trim())
    if (name === "" || Option.isNone(value)) return undefined
    pairs.push([name, value.value])
  }
  return pairs
}

const decoded = Option.liftThrowable(decodeURIComponent)

export const Pairs = Schema.String.check(
  Schema.makeFilter((text) => pairsOf(text) !== undefined, {
    message: "Expected name=value pairs separated by commas, the values percent-encoded"
  })
).pipe(
  Schema.decodeTo(Schema.Array(Schema.Tuple([Schema.String, Schema.String])), {
    decode: SchemaGetter.transform((text) => pairsOf(text) ?? []),
    encode: SchemaGetter.forbidden(() => "Settings are only read")
  })
)

const isHeader = ([name, value]: readonly [string, string]): boolean =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value)

/** Secret as a whole: collectors are shown their keys in them. */
export const HeaderPairs = Schema.String.check(
  Schema.makeFilter((text) => pairsOf(text)?.every(isHeader) === true, {
    message: "Expected header=value pairs separated by commas, the values percent-encoded"
  })
).pipe(
  Schema.decodeTo(Schema.Redacted(Schema.Array(Schema.Tuple([Schema.String, Schema.String]))), {
    decode: SchemaGetter.transform((text) => Redacted.make(pairsOf(text) ?? [])),
    encode: SchemaGetter.forbidden(() => "Settings are only read")
  })
)
