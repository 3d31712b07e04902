import { Effect, Option, Redacted, Result, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import { ProviderError } from "../../domain/Errors.ts"
import type { Credentials } from "../Credentials.ts"
import { upstreamMessage } from "../Masking.ts"
import { retryAfterMillis } from "../Refusals.ts"
import type { Upstream, UpstreamAnswer } from "../Upstream.ts"
import { decodeToken, decodeTokenRefusal } from "./GigaChatWire.ts"
import { make as keep, type Token } from "./TokenKeeper.ts"

export interface GigaChatTokenOptions {
  readonly provider: string
  /** Its base is the whole URL of the token endpoint. */
  readonly upstream: Upstream
  /** Sber's authorization key, which is base64 already. */
  readonly key: Redacted.Redacted
  readonly scope: string
}

/**
 * Access tokens of Sber's OAuth endpoint (`POST /api/v2/oauth`), which live for 30 minutes. A key that the endpoint refuses is
 * `provider_rejected_credentials`, and the message says what the operator has to set.
 */
export const make = (options: GigaChatTokenOptions): Effect.Effect<Credentials, never, Scope.Scope> => {
  const { provider, upstream, key, scope } = options
  const body = new URLSearchParams({ scope }).toString()
  const fetch = Effect.suspend(() =>
    upstream.exchange({
      method: "POST",
      path: "",
      headers: {
        authorization: `Basic ${Redacted.value(key)}`,
        RqUID: randomUUID(),
        accept: "application/json",
        "content-type": "application/x-www-form-urlencoded"
      },
      body
    })
  ).pipe(
    Effect.mapError((error) => unreached(error)),
    Effect.flatMap((answer) =>
      answer.status === 200 ? Effect.fromResult(read(provider, answer)) : Effect.fail(refusal(options, answer))
    )
  )
  return keep(fetch)
}

/** A time below this is in seconds, else in milliseconds: the smaller would be the year 1973. */
const leastMillis = 1e11

const read = (provider: string, { status, text }: UpstreamAnswer): Result.Result<Token, ProviderError> =>
  Result.mapBoth(decodeToken(text), {
    onFailure: () =>
      new ProviderError({
        provider,
        reason: "provider_invalid_answer",
        message: `The token endpoint of ${provider} answered without an access token`,
        upstreamStatus: status
      }),
    onSuccess: (token) => {
      const [value, end] = "access_token" in token ? [token.access_token, token.expires_at] : [token.tok, token.exp]
      return { value: Redacted.make(value), expiresAt: end < leastMillis ? end * 1000 : end }
    }
  })

/** The same failure, told of the token endpoint and not of the API. */
const unreached = (error: ProviderError): ProviderError =>
  new ProviderError({ ...error, message: `No access token: ${error.message}` })

const refusal = (options: GigaChatTokenOptions, { status, headers, text }: UpstreamAnswer): ProviderError => {
  const { provider, scope, key } = options
  const said = Option.getOrUndefined(decodeTokenRefusal(text))
  const words = upstreamMessage(said?.message ?? text, [Redacted.value(key)])
  const wait = retryAfterMillis(headers) ?? (status === 429 ? 1000 : undefined)
  const failed = (reason: ProviderError["reason"], message: string) =>
    new ProviderError({
      provider,
      reason,
      message,
      upstreamStatus: status,
      ...(words === "" ? {} : { upstreamMessage: words }),
      ...(wait === undefined ? {} : { retryAfterMillis: wait })
    })
  const rejected = (message: string) => failed("provider_rejected_credentials", message)

  switch (said?.code) {
    case 1:
    case 5:
      return rejected(
        `The token endpoint of ${provider} does not know the scope "${scope}": set GIGACHAT_SCOPE to ${scopes}`
      )
    case 6:
      return rejected(
        `The token endpoint of ${provider} does not accept the authorization key: set GIGACHAT_CREDENTIALS to the key as Sber shows it`
      )
    case 7:
      return rejected(
        `The scope ${scope} does not belong to the authorization key of ${provider}: set GIGACHAT_SCOPE to the key's own, ${scopes}`
      )
  }
  if (status === 400 || status === 401 || status === 403)
    return rejected(`The token endpoint of ${provider} refused the gateway's credentials`)
  if (status === 429)
    return failed("provider_unavailable", `The token endpoint of ${provider} limits the rate of requests`)
  if (status >= 500)
    return failed("provider_unavailable", `The token endpoint of ${provider} failed with status ${status}`)
  return failed(
    "provider_invalid_answer",
    `What answers at GIGACHAT_AUTH_URL is no token endpoint of ${provider} (status ${status})`
  )
}

const scopes = "GIGACHAT_API_PERS, GIGACHAT_API_B2B or GIGACHAT_API_CORP"
