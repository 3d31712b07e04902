import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { CompactSign, compactVerify } from "jose"
import { createSecretKey } from "node:crypto"
import { InternalError } from "../domain/Errors.ts"
import { Secrets } from "../storage/Secrets.ts"

/**
 * The key ring of access tokens: the first secret signs, all verify, each by one algorithm that no token can choose. A token of a
 * secret that was taken away is no token of ours any more; so one that has leaked is got rid of by its name, at once.
 */
export class AccessTokenKeys extends Context.Service<
  AccessTokenKeys,
  {
    readonly sign: (claims: Readonly<Record<string, unknown>>) => Effect.Effect<Redacted.Redacted, InternalError>
    /** The claims of a token that one of our secrets has signed, as JSON text; undefined of whatever else is given. */
    readonly open: (token: string) => Effect.Effect<string | undefined>
  }
>()("xrouter/auth/AccessTokenKeys") {
  static readonly layer = Layer.effect(
    AccessTokenKeys,
    Effect.gen(function* () {
      const { jwtSecrets } = yield* Secrets
      const ring = new Map(
        jwtSecrets.map(({ kid, secret }) => [kid, createSecretKey(Redacted.value(secret), "base64")] as const)
      )
      const [first] = ring

      const sign = Effect.fn("AccessTokenKeys.sign")(function* (claims: Readonly<Record<string, unknown>>) {
        if (first === undefined) return yield* noSecret
        const [kid, key] = first
        const token = yield* Effect.promise(() =>
          new CompactSign(encoder.encode(JSON.stringify(claims)))
            .setProtectedHeader({ alg: algorithm, typ: tokenType, kid })
            .sign(key)
        )
        return Redacted.make(token, { label: "access token" })
      })

      const open = (token: string): Effect.Effect<string | undefined> => {
        const parts = form.exec(token)
        if (parts === null || !parts.slice(1).every((part) => isCanonical(part ?? ""))) return nothing
        const header = decodeHeader(Buffer.from(parts[1] ?? "", "base64url").toString())
        const key = Option.isSome(header) ? ring.get(header.value.kid) : undefined
        if (key === undefined) return nothing
        return Effect.promise(() =>
          compactVerify(token, key, { algorithms: [algorithm] }).then(
            ({ payload }) => decoder.decode(payload),
            // Whatever jose has against it.
            () => undefined
          )
        )
      }
      return AccessTokenKeys.of({ sign, open })
    })
  )
}

const algorithm = "HS256"

/** RFC 9068, section 2.1: what tells an access token from whatever else the same secret may sign one day. */
const tokenType = "at+jwt"

/** The compact serialization (RFC 7515, section 7.1) with 32 bytes of signature. */
const form = /^([A-Za-z0-9_-]{1,512})\.([A-Za-z0-9_-]{1,6144})\.([A-Za-z0-9_-]{43})$/

/** The last character may carry bits that mean nothing: without this one token could be written in several ways. */
const isCanonical = (part: string): boolean => Buffer.from(part, "base64url").toString("base64url") === part

/** Nothing but what we write: no `crit`, `b64`, `jwk`, `jku`, `x5u` (RFC 8725, section 3.10). */
const Header = Schema.fromJsonString(
  Schema.Struct({ alg: Schema.Literal(algorithm), typ: Schema.Literal(tokenType), kid: Schema.String })
)
const decodeHeader = Schema.decodeUnknownOption(Header, { onExcessProperty: "error" })

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const nothing = Effect.undefined

const noSecret = new InternalError({
  reason: "unexpected",
  message: "This gateway issues no access tokens: it has no XROUTER_JWT_SECRETS"
})
