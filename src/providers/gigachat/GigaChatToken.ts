import { Effect, Option, Redacted, Result } from "effect"
import { randomUUID } from "node:crypto"
import type { ProviderError } from "../../domain/Errors.ts"
import * as TokenEndpoint from "../TokenEndpoint.ts"
import type { Token } from "../TokenKeeper.ts"
import type { Upstream, UpstreamAnswer } from "../Upstream.ts"
import { decodeToken, decodeTokenRefusal } from "./GigaChatWire.ts"

export interface GigaChatTokenOptions {
  readonly provider: string
  readonly endpoint: Upstream
  /** Sber's authorization key, which is base64 already. */
  readonly key: Redacted.Redacted
  readonly scope: string
}

/**
 * An access token of Sber's OAuth endpoint (`POST /api/v2/oauth`), which lives for 30 minutes. A key that the endpoint refuses
 * is `provider_rejected_credentials`, and the message says what the operator has to set.
 */
export const issueToken = Effect.fn("GigaChatToken.issue")(function* (
  options: GigaChatTokenOptions
): Effect.fn.Return<Token, ProviderError> {
  const { provider, endpoint, key, scope } = options
  const answer = yield* TokenEndpoint.ask(
    endpoint,
    {
      authorization: `Basic ${Redacted.value(key)}`,
      RqUID: randomUUID(),
      "content-type": "application/x-www-form-urlencoded"
    },
    new URLSearchParams({ scope }).toString()
  )
  if (answer.status !== 200) return yield* refused(options, answer)
  const issued = decodeToken(answer.text)
  if (Result.isFailure(issued)) return yield* TokenEndpoint.tokenless(provider)
  const token = issued.success
  const [value, end] = "access_token" in token ? [token.access_token, token.expires_at] : [token.tok, token.exp]
  return { value: Redacted.make(value), expiresAt: end < leastMillis ? end * 1000 : end }
})

/** A time below this is in seconds, else in milliseconds: the smaller would be the year 1973. */
const leastMillis = 1e11

const refused = ({ provider, key, scope }: GigaChatTokenOptions, answer: UpstreamAnswer): ProviderError => {
  const said = Option.getOrUndefined(decodeTokenRefusal(answer.text))
  return TokenEndpoint.refusal({
    provider,
    answer,
    said: said?.message ?? answer.text,
    secrets: [Redacted.value(key)],
    fault: faultOf(provider, scope, said?.code)
  })
}

const faultOf = (provider: string, scope: string, code: number | undefined): string | undefined => {
  switch (code) {
    case 1:
    case 5:
      return `The token endpoint of ${provider} does not know the scope "${scope}": set GIGACHAT_SCOPE to ${scopes}`
    case 6:
      return `The token endpoint of ${provider} does not accept the authorization key: set GIGACHAT_CREDENTIALS to the key as Sber shows it`
    case 7:
      return `The scope ${scope} does not belong to the authorization key of ${provider}: set GIGACHAT_SCOPE to the key's own, ${scopes}`
    default:
      return undefined
  }
}

const scopes = "GIGACHAT_API_PERS, GIGACHAT_API_B2B or GIGACHAT_API_CORP"
