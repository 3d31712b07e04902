import { Option, Schema } from "effect"
import type { Scope } from "../domain/Principal.ts"
import { scopes as known } from "../domain/Principal.ts"

/** What an access token says (RFC 9068, section 2.2). Times are Unix milliseconds. */
export interface AccessTokenClaims {
  readonly tokenId: string
  readonly userId: string
  readonly clientId: string
  readonly grantId: string
  readonly scopes: ReadonlyArray<Scope>
  readonly resources: ReadonlyArray<string>
  readonly issuedAt: number
  readonly expiresAt: number
  /** When the user gave the password. */
  readonly signedInAt: number
}

/** Seconds, as NumericDate of RFC 7519 has them; whole ones, since we write no others. */
const Seconds = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Wire = Schema.Struct({
  iss: Schema.String,
  sub: Schema.String,
  aud: Schema.Union([Schema.String, Schema.Array(Schema.String)]),
  exp: Seconds,
  iat: Seconds,
  nbf: Schema.optionalKey(Seconds),
  jti: Schema.String,
  client_id: Schema.String,
  scope: Schema.String,
  grant_id: Schema.String,
  auth_time: Seconds
})

const decodeWire = Schema.decodeUnknownOption(Schema.fromJsonString(Wire))

type Fault = "malformed" | "issuer" | "audience" | "not_yet" | "expired"

/** Clocks of instances differ: a token may come from one that is ahead by so much. */
const mostAhead = 60

type Check = (wire: typeof Wire.Type, issuer: string, now: number) => Fault | undefined

const checks: ReadonlyArray<Check> = [
  ({ iss }, issuer) => (iss === issuer ? undefined : "issuer"),
  ({ aud }, issuer) => ([aud].flat().some((name) => isOurs(name, issuer)) ? undefined : "audience"),
  ({ iat, nbf }, _, now) => (Math.max(iat, nbf ?? 0) > now / 1000 + mostAhead ? "not_yet" : undefined),
  ({ exp }, _, now) => (exp * 1000 <= now ? "expired" : undefined)
]

/** This gateway, or its `/v1`. */
const isOurs = (resource: string, issuer: string) => resource === issuer || resource === `${issuer}/v1`

/** The claims of a token whose signature was found good, or what is wrong with them at this time. */
export const readClaims = (json: string, issuer: string, now: number): AccessTokenClaims | Fault => {
  const decoded = decodeWire(json)
  if (Option.isNone(decoded)) return "malformed"
  const wire = decoded.value
  for (const check of checks) {
    const fault = check(wire, issuer, now)
    if (fault !== undefined) return fault
  }
  const names = wire.scope.split(" ")
  return {
    tokenId: wire.jti,
    userId: wire.sub,
    clientId: wire.client_id,
    grantId: wire.grant_id,
    scopes: known.filter((scope) => names.includes(scope)),
    resources: [wire.aud].flat(),
    issuedAt: wire.iat * 1000,
    expiresAt: wire.exp * 1000,
    signedInAt: wire.auth_time * 1000
  }
}

/** The other way. Whole seconds are all that the wire has. */
export const writeClaims = (claims: AccessTokenClaims, issuer: string): typeof Wire.Type => ({
  iss: issuer,
  sub: claims.userId,
  aud: claims.resources.length === 1 ? (claims.resources[0] ?? issuer) : claims.resources,
  exp: Math.floor(claims.expiresAt / 1000),
  iat: Math.floor(claims.issuedAt / 1000),
  jti: claims.tokenId,
  client_id: claims.clientId,
  scope: claims.scopes.join(" "),
  grant_id: claims.grantId,
  auth_time: Math.floor(claims.signedInAt / 1000)
})
