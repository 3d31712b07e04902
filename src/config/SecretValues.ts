import { Option, Redacted, Result, Schema, SchemaGetter } from "effect"
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import { isGuessable } from "./Guessable.ts"
import { list } from "./Values.ts"

/** The secrets that have a form of their own. As everywhere, messages tell what is expected and never what was found. */

const adminKeyLength = 32

export const AdminKey = Schema.RedactedFromValue(
  Schema.String.check(
    Schema.makeFilter((text) =>
      text.length < adminKeyLength
        ? `Expected at least ${adminKeyLength} characters; openssl rand -hex 32 makes a good one`
        : /^[\x21-\x7e]+$/.test(text)
          ? !isGuessable(text) ||
            "Expected a random secret, this one can be guessed; openssl rand -hex 32 makes a good one"
          : "Expected printable ASCII characters without spaces, since it travels in a header"
    )
  )
)

/** RFC 7518, section 3.2: a key of HS256 has at least the size of its hash. */
const jwtSecretBytes = 32

const jwtSecretFault = (entry: string): string | undefined => {
  const [kid = "", secret, ...more] = entry.split(":")
  if (secret === undefined || more.length > 0 || !/^[\w.-]{1,64}$/.test(kid)) {
    return "Expected kid:base64, the kid of letters, digits, dots, hyphens and underscores"
  }
  const bytes = decodeBase64(secret)
  if (Option.isNone(bytes)) return "Expected base64 after the kid"
  if (bytes.value.length < jwtSecretBytes) {
    return `Expected at least ${jwtSecretBytes} bytes; openssl rand -base64 32 makes a good one`
  }
  return isGuessable(String.fromCharCode(...bytes.value))
    ? "Expected a random secret, this one can be guessed; openssl rand -base64 32 makes a good one"
    : undefined
}

const decodeBase64 = (text: string): Option.Option<Uint8Array> =>
  Result.getSuccess(
    /[-_]/.test(text) ? Base64Url.decode(text) : Base64.decode(text.padEnd(Math.ceil(text.length / 4) * 4, "="))
  )

const kidOf = (entry: string): string => entry.slice(0, entry.indexOf(":"))

export const JwtSecrets = list(Schema.String.check(Schema.makeFilter((entry: string) => jwtSecretFault(entry)))).pipe(
  Schema.check(
    Schema.makeFilter((entries) => new Set(entries.map(kidOf)).size === entries.length || "Expected each kid once")
  ),
  Schema.decodeTo(Schema.Array(Schema.Struct({ kid: Schema.String, secret: Schema.Redacted(Schema.String) })), {
    decode: SchemaGetter.transform((entries) =>
      entries.map((entry) => ({ kid: kidOf(entry), secret: Redacted.make(entry.slice(entry.indexOf(":") + 1)) }))
    ),
    encode: SchemaGetter.forbidden(() => "Settings are only read")
  })
)

const isStoreUrl = (text: string, protocols: ReadonlyArray<string>): boolean => {
  const url = URL.parse(text)
  return url !== null && protocols.includes(url.protocol) && url.hostname !== ""
}

/** Without a user the driver would take whoever happens to start the process, who is another one in a shell, a unit and a container. */
const namesUser = (text: string): boolean => {
  const url = URL.parse(text)
  return url !== null && (url.username !== "" || (url.searchParams.get("user") ?? "") !== "")
}

/** Secret as a whole: it holds the password. */
export const DatabaseUrl = Schema.RedactedFromValue(
  Schema.String.check(
    Schema.makeFilter((text) => {
      if (!isStoreUrl(text, ["postgres:", "postgresql:"])) return "Expected postgres://user:password@host:5432/database"
      return namesUser(text) || "Expected a user before the host: postgres://user:password@host:5432/database"
    })
  )
)

const redisProtocols = ["redis:", "rediss:", "redis-sentinel:", "rediss-sentinel:"]

const redisFault = (urls: ReadonlyArray<URL>): string | undefined => {
  const [first, ...others] = urls
  if (first === undefined) return undefined
  if (others.some(({ protocol }) => protocol !== first.protocol)) {
    return "Expected all nodes with redis://, or all with rediss://, or all sentinels alike"
  }
  if (first.protocol.includes("sentinel")) {
    if ((first.searchParams.get("master") ?? "") === "") {
      return "Expected ?master= with the name of the primary after the first sentinel"
    }
    return others.some(({ pathname, search }) => pathname.length > 1 || search !== "")
      ? "Expected the database and ?master= after the first sentinel only"
      : undefined
  }
  return others.length > 0 && urls.some(({ pathname }) => !/^\/?0?$/.test(pathname))
    ? "Expected no database number: a cluster has only database 0"
    : undefined
}

export const RedisUrls = list(
  Schema.String.check(
    Schema.makeFilter((text) => isStoreUrl(text, redisProtocols), {
      message:
        "Expected redis://host:6379 or rediss://host:6379, nodes of a cluster separated by commas, or sentinels as redis-sentinel://host:26379?master=name"
    })
  )
).pipe(
  Schema.check(Schema.makeFilter((nodes) => redisFault(nodes.map((node) => new URL(node))))),
  Schema.decodeTo(Schema.Array(Schema.Redacted(Schema.String)), {
    decode: SchemaGetter.transform((nodes) => nodes.map((node) => Redacted.make(node))),
    encode: SchemaGetter.forbidden(() => "Settings are only read")
  })
)
