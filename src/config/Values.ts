import { isIP } from "node:net"
import { availableParallelism } from "node:os"
import { ByteSize, Duration, Option, Schema, SchemaGetter } from "effect"

/**
 * The kinds of value that an operator writes, each decoded from its text: a variable's and a YAML scalar's alike.
 * A message tells what is expected and never what was found, which may be a secret in the wrong place.
 */

const abortsFurtherChecks = true

const text = (message: string, test: (text: string) => boolean) =>
  Schema.String.annotate({ message }).check(Schema.makeFilter(test, { message }, abortsFurtherChecks))

const converted = <A>(message: string, read: (text: string) => Option.Option<A>, Target: Schema.Codec<A>) =>
  text(message, (text) => Option.isSome(read(text))).pipe(
    Schema.decodeTo(Target, {
      decode: SchemaGetter.transform((text) => Option.getOrThrow(read(text))),
      encode: SchemaGetter.forbidden(() => "Settings are only read")
    })
  )

const wholeNumber = (minimum: number, maximum: number, message: string) =>
  converted(
    message,
    (text) =>
      Option.some(Number(text)).pipe(
        Option.filter((number) => /^\d+$/.test(text) && number >= minimum && number <= maximum)
      ),
    Schema.Finite
  )

export const Text = text("Expected text", (text) => text.length > 0)

/** Of a provider, and so the first part of its models' names. */
export const Name = text("Expected a name of small letters, digits and hyphens", (text) => /^[a-z0-9-]+$/.test(text))

export const Secret = Schema.RedactedFromValue(Text)

/** What the gateway says itself, or what belongs to the connection. */
const ownHeaders =
  /^(?:accept|accept-encoding|authorization|connection|content-.*|cookie|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|user-agent)$/

/** Request headers by their names. Their values may be secrets. */
export const Headers = Schema.Record(
  Schema.String,
  Schema.RedactedFromValue(
    text("Expected one line of printable characters", (text) => /^[\x21-\x7e]+(?: +[\x21-\x7e]+)*$/.test(text))
  )
)
  .annotate({ message: "Expected a map of header names and their values" })
  .check(
    Schema.makeFilter(
      (headers) =>
        Object.keys(headers).every(
          (name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !ownHeaders.test(name.toLowerCase())
        ),
      { message: "Expected names of headers, and none that the gateway sets itself or that belongs to the connection" }
    )
  )

export const Port = wholeNumber(1, 65_535, "Expected a port, 1 to 65535")

export const Count = wholeNumber(1, Number.MAX_SAFE_INTEGER, "Expected a whole number, at least 1")

/** A number of processes; `auto` is as many as this machine, or what its container may use of it, runs at once. */
export const Workers = converted(
  "Expected a whole number, 1 to 1024, or auto",
  (text) =>
    Option.some(text === "auto" ? availableParallelism() : Number(text)).pipe(
      Option.filter((number) => (text === "auto" || /^\d+$/.test(text)) && number >= 1 && number <= 1024)
    ),
  Schema.Finite
)

export const Weight = converted(
  "Expected a number above 0",
  (text) => Option.some(Number(text)).pipe(Option.filter((weight) => Number.isFinite(weight) && weight > 0)),
  Schema.Finite
)

/** An amount of money; it stays text, since binary fractions cannot hold it. */
export const Decimal = text("Expected a decimal number such as 0.20", (text) => /^\d{1,12}(\.\d{1,12})?$/.test(text))

export const Currency = text("Expected a currency code such as RUB", (text) => /^[A-Z]{3}$/.test(text))

const on = new Set(["true", "yes", "on", "1"])
const off = new Set(["false", "no", "off", "0"])

export const Switch = converted(
  "Expected true or false",
  (text) => (on.has(text) ? Option.some(true) : off.has(text) ? Option.some(false) : Option.none()),
  Schema.Boolean
)

const spanWhere = (isGood: (span: Duration.Duration) => boolean) =>
  converted(
    "Expected a duration such as 5 seconds or 300 millis",
    (text) =>
      Schema.decodeOption(Schema.DurationFromString)(text).pipe(
        Option.filter((span) => Duration.isFinite(span) && isGood(span))
      ),
    Schema.Duration
  )

/** A span of time above zero, in the words of Effect's `Duration`. */
export const Span = spanWhere(Duration.isPositive)

/** One that may be none, `0 seconds`. */
export const SpanOrNone = spanWhere((span) => !Duration.isNegative(span))

/** A number of bytes. */
export const Size = converted(
  "Expected a size such as 20 MiB",
  (text) =>
    ByteSize.fromString(text).pipe(
      Option.flatMap(ByteSize.toNumber),
      Option.filter((bytes) => bytes > 0)
    ),
  Schema.Finite
)

export const choice = <const Choices extends ReadonlyArray<string>>(choices: Choices) =>
  Schema.Literals(choices).annotate({ message: `Expected one of ${choices.join(", ")}` })

const parsedUrl = (text: string): URL | undefined => URL.parse(text) ?? undefined

const isPlainHttp = (url: URL | undefined): url is URL =>
  url !== undefined &&
  (url.protocol === "http:" || url.protocol === "https:") &&
  [url.username, url.password, url.search, url.hash].every((part) => part === "")

const plainUrl = "Expected a URL that begins with https:// or http://, without user, query or fragment"

/** Where an upstream is. A slash at the end is dropped: paths are appended. */
export const UpstreamUrl = converted(
  plainUrl,
  (text) => (isPlainHttp(parsedUrl(text)) ? Option.some(text.replace(/\/+$/, "")) : Option.none()),
  Schema.String
)

/** Used as it is. */
export const WholeUrl = text(plainUrl, (text) => isPlainHttp(parsedUrl(text)))

/** Kept byte for byte: OAuth clients compare it as text (RFC 9207, section 2.4), so a slash at its end cannot be dropped here. */
export const PublicUrl = text(
  "Expected a URL that begins with https:// or http://, without user, query, fragment or a slash at its end",
  (text) => isPlainHttp(parsedUrl(text)) && !text.endsWith("/") && !/\s/.test(text)
)

export const Host = text("Expected a host name or an IP address", (text) => isIP(text) !== 0 || /^[\w.-]+$/.test(text))

/** `provider/model`, split at the first slash. */
export const ProviderModelName = text("Expected provider/model", (text) => /^[^/\s]+\/\S+$/.test(text))

/** A network in CIDR notation, or one address. */
export const Network = text("Expected a network such as 10.0.0.0/8 or 2001:db8::/32, or an IP address", (text) => {
  const [address = "", prefix, ...more] = text.split("/")
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return bits > 0 && more.length === 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
})

const Origin = text(
  "Expected an origin such as https://app.example.com, or * alone",
  (text) => text === "*" || parsedUrl(text)?.origin === text
)

/** Values separated by commas. */
export const list = <S extends Schema.Codec<unknown, string>>(item: S) =>
  Schema.String.pipe(
    Schema.decodeTo(Schema.Array(item), {
      decode: SchemaGetter.transform((text) => text.split(",").map((part) => part.trim())),
      encode: SchemaGetter.transform((parts) => parts.join(","))
    })
  )

export const Origins = list(Origin).check(
  Schema.makeFilter((origins) => origins.length === 1 || !origins.includes("*"), {
    message: "Expected * alone, or a list of origins"
  })
)
