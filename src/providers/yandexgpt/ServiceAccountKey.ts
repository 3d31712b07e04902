import { Effect, Option, Schema } from "effect"
import { constants, createPrivateKey, type KeyObject, sign } from "node:crypto"
import { readFileSync } from "node:fs"
import type { JsonObject } from "../../domain/Json.ts"
import { UpstreamOptionsError } from "../UpstreamOptions.ts"

/** An authorized key of a service account, as `yc iam key create` writes it. */
export interface ServiceAccountKey {
  readonly id: string
  readonly serviceAccountId: string
  readonly privateKey: KeyObject
}

const KeyFile = Schema.Struct({
  id: Schema.NonEmptyString,
  service_account_id: Schema.NonEmptyString,
  private_key: Schema.NonEmptyString
})

const decodeKeyFile = Schema.decodeUnknownOption(Schema.fromJsonString(KeyFile))

/** Reads the key once, at start: whatever is wrong with the file is said there, and never what stands in it. */
export const readServiceAccountKey = Effect.fn("ServiceAccountKey.read")(function* (
  provider: string,
  file: string
): Effect.fn.Return<ServiceAccountKey, UpstreamOptionsError> {
  const fault = (what: string, cause?: unknown) =>
    new UpstreamOptionsError({
      provider,
      message: `The service account key of provider ${provider} ${what}: ${file}`,
      ...(cause === undefined ? {} : { cause })
    })
  const text = yield* Effect.try({
    try: () => readFileSync(file, "utf8"),
    catch: (cause) => fault("cannot be read", cause)
  })
  const key = Option.getOrUndefined(decodeKeyFile(text))
  if (key === undefined) {
    return yield* fault("is not a JSON file with `id`, `service_account_id` and `private_key`")
  }
  const privateKey = yield* Effect.try({
    // OpenSSL passes over the line of warning that the vendor puts before the PEM.
    try: () => createPrivateKey(key.private_key),
    catch: () => fault("holds no readable PEM in `private_key`")
  })
  const bits = privateKey.asymmetricKeyType === "rsa" ? privateKey.asymmetricKeyDetails?.modulusLength : undefined
  if (bits === undefined || bits < 2048) return yield* fault("is not an RSA key of 2048 bits or more")
  return { id: key.id, serviceAccountId: key.service_account_id, privateKey }
})

/** What the vendor's IAM wants as `aud`, whatever host it is reached by; its own SDKs never send another. */
const audience = "https://iam.api.cloud.yandex.net/iam/v1/tokens"

/** The vendor takes an hour at most. */
const lifeSeconds = 3600

/** The JWT that an IAM token is given for: PS256, which is RSA-PSS with SHA-256 and a salt of its length (RFC 7518, 3.5). */
export const assertion = (key: ServiceAccountKey, nowMillis: number): string => {
  const issuedAt = Math.floor(nowMillis / 1000)
  const claims = { iss: key.serviceAccountId, aud: audience, iat: issuedAt, exp: issuedAt + lifeSeconds }
  const signed = `${encoded({ typ: "JWT", alg: "PS256", kid: key.id })}.${encoded(claims)}`
  const signature = sign("sha256", Buffer.from(signed), {
    key: key.privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 32
  })
  return `${signed}.${signature.toString("base64url")}`
}

const encoded = (value: JsonObject) => Buffer.from(JSON.stringify(value)).toString("base64url")
