import { Duration, Effect, type Scope } from "effect"
import { ProviderError } from "../domain/Errors.ts"
import { retryAfterMillis } from "../domain/RetryAfter.ts"
import { upstreamMessage } from "./Masking.ts"
import * as Upstream from "./Upstream.ts"

/** A token is had in a fraction of a second, or its endpoint is away. */
const patience = Duration.seconds(15)

/** The endpoint at `url`, the whole of it, that gives a provider's tokens: reached as the provider itself is. */
export const connect = (
  options: Upstream.UpstreamOptions,
  url: string
): Effect.Effect<Upstream.Upstream, Upstream.UpstreamOptionsError, Scope.Scope> =>
  Upstream.make({ ...options, baseUrl: url, idleTimeout: patience, headersTimeout: patience })

/** Asks for a token. That nobody is there is told of the endpoint, and not of the API. */
export const ask = (
  endpoint: Upstream.Upstream,
  headers: Readonly<Record<string, string>>,
  body: string
): Effect.Effect<Upstream.UpstreamAnswer, ProviderError> =>
  Effect.mapError(
    endpoint.exchange({ method: "POST", path: "", headers: { accept: "application/json", ...headers }, body }),
    (error) =>
      // Spread, an error loses its cause.
      new ProviderError({
        ...error,
        message: `No access token: ${error.message}`,
        ...(error.cause === undefined ? {} : { cause: error.cause })
      })
  )

/** A 200 that holds no token. */
export const tokenless = (provider: string): ProviderError =>
  new ProviderError({
    provider,
    reason: "provider_invalid_answer",
    message: `The token endpoint of ${provider} answered without a token`,
    upstreamStatus: 200
  })

/** A token endpoint's refusal as its provider read it. */
export interface TokenRefusal {
  readonly provider: string
  readonly answer: Upstream.UpstreamAnswer
  /** The endpoint's own words, not masked yet. */
  readonly said: string
  readonly secrets?: ReadonlyArray<string> | undefined
  /** What the operator has to mend, where the endpoint tells it; else its status decides. */
  readonly fault?: string | undefined
}

export const refusal = ({ provider, answer, said, secrets, fault }: TokenRefusal): ProviderError => {
  const { status, headers } = answer
  const words = upstreamMessage(said, secrets)
  const wait = retryAfterMillis(headers) ?? (status === 429 ? 1000 : undefined)
  const [reason, message] = fault === undefined ? byStatus(provider, status) : ([rejected, fault] as const)
  return new ProviderError({
    provider,
    reason,
    message,
    upstreamStatus: status,
    ...(words === "" ? {} : { upstreamMessage: words }),
    ...(wait === undefined ? {} : { retryAfterMillis: wait })
  })
}

const rejected = "provider_rejected_credentials"

const byStatus = (provider: string, status: number): readonly [ProviderError["reason"], string] => {
  const endpoint = `The token endpoint of ${provider}`
  if (status === 400 || status === 401 || status === 403) return [rejected, `${endpoint} refused the gateway's key`]
  if (status === 429) return ["provider_unavailable", `${endpoint} limits the rate of requests`]
  if (status >= 500) return ["provider_unavailable", `${endpoint} failed with status ${status}`]
  return ["provider_invalid_answer", `${endpoint} answered with status ${status}; its URL may be wrong`]
}
