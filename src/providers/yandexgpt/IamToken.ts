import { Clock, DateTime, Effect, Option, Redacted, Schema } from "effect"
import type { ProviderError } from "../../domain/Errors.ts"
import * as TokenEndpoint from "../TokenEndpoint.ts"
import type { Token } from "../TokenKeeper.ts"
import type { Upstream } from "../Upstream.ts"
import { faultOfBody } from "./Fault.ts"
import { assertion, type ServiceAccountKey } from "./ServiceAccountKey.ts"

/** Exchanges a signed statement of the service account for an IAM token (IamTokenService.Create). */
export const issueToken = Effect.fn("IamToken.issue")(function* (
  provider: string,
  endpoint: Upstream,
  key: ServiceAccountKey
): Effect.fn.Return<Token, ProviderError> {
  const now = yield* Clock.currentTimeMillis
  const answer = yield* TokenEndpoint.ask(
    endpoint,
    { "content-type": "application/json" },
    JSON.stringify({ jwt: assertion(key, now) })
  )
  if (answer.status !== 200) {
    return yield* TokenEndpoint.refusal({ provider, answer, said: faultOfBody(answer.text).message })
  }
  const issued = Option.getOrUndefined(decodeIssued(answer.text))
  if (issued === undefined) return yield* TokenEndpoint.tokenless(provider)
  return { value: Redacted.make(issued.iamToken), expiresAt: endOf(issued.expiresAt) ?? now + assumedLifeMillis }
})

const Issued = Schema.Struct({ iamToken: Schema.NonEmptyString, expiresAt: Schema.optionalKey(Schema.String) })
const decodeIssued = Schema.decodeUnknownOption(Schema.fromJsonString(Issued))

/** Far less than the twelve hours that a token lives at most. */
const assumedLifeMillis = 3_600_000

/** RFC 3339 with up to nine digits of a second. */
const endOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Option.getOrUndefined(Option.map(DateTime.make(time), DateTime.toEpochMillis))
