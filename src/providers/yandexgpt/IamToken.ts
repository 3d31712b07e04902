import { Clock, DateTime, Effect, Option, Schema } from "effect"
import { ProviderError } from "../../domain/Errors.ts"
import { upstreamMessage } from "../Masking.ts"
import { retryAfterMillis } from "../Refusals.ts"
import type { Upstream, UpstreamAnswer } from "../Upstream.ts"
import { faultOfBody } from "./Fault.ts"
import type { Token } from "./RenewedToken.ts"
import { assertion, type ServiceAccountKey } from "./ServiceAccountKey.ts"

/** Exchanges a signed statement of the service account for an IAM token (IamTokenService.Create). */
export const issueToken = Effect.fn("IamToken.issue")(function* (
  provider: string,
  iam: Upstream,
  key: ServiceAccountKey
): Effect.fn.Return<Token, ProviderError> {
  const now = yield* Clock.currentTimeMillis
  const answer = yield* iam.exchange({
    method: "POST",
    path: "",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ jwt: assertion(key, now) })
  })
  if (answer.status !== 200) return yield* refused(provider, answer)
  const issued = Option.getOrUndefined(decodeIssued(answer.text))
  if (issued === undefined) {
    return yield* new ProviderError({
      provider,
      reason: "provider_invalid_answer",
      message: `The token endpoint of ${provider} answered without a token`,
      upstreamStatus: answer.status
    })
  }
  return { value: issued.iamToken, expiresAt: endOf(issued.expiresAt) ?? now + assumedLifeMillis }
})

const Issued = Schema.Struct({ iamToken: Schema.NonEmptyString, expiresAt: Schema.optionalKey(Schema.String) })
const decodeIssued = Schema.decodeUnknownOption(Schema.fromJsonString(Issued))

/** Far less than the twelve hours that a token lives at most. */
const assumedLifeMillis = 3_600_000

/** RFC 3339 with up to nine digits of a second. */
const endOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Option.getOrUndefined(Option.map(DateTime.make(time), DateTime.toEpochMillis))

const refused = (provider: string, { status, headers, text }: UpstreamAnswer): ProviderError => {
  const said = upstreamMessage(faultOfBody(text).message)
  const retryAfter = retryAfterMillis(headers)
  const isBusy = status === 429 || status >= 500
  return new ProviderError({
    provider,
    reason: isBusy ? "provider_unavailable" : "provider_rejected_credentials",
    message: isBusy
      ? `The token endpoint of ${provider} is not available just now`
      : `The token endpoint of ${provider} refused the gateway's service account key`,
    upstreamStatus: status,
    ...(said === "" ? {} : { upstreamMessage: said }),
    ...(retryAfter === undefined ? {} : { retryAfterMillis: retryAfter })
  })
}
