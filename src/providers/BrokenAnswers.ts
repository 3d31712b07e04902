import { ProviderError } from "../domain/Errors.ts"
import { upstreamMessage } from "./Masking.ts"

/** Whom we speak of, and what must not be told of it. */
export interface Teller {
  readonly provider: string
  readonly secrets?: ReadonlyArray<string> | undefined
}

/** An answer that is none: not to be read, of another kind, or with something in it that cannot be. `said` may quote it. */
export const invalidAnswer = (teller: Teller, what: string, said = ""): ProviderError =>
  brokenAnswer("provider_invalid_answer", teller, what, said)

/** An answer that the upstream gave up, or that was cut off before its end. */
export const failedAnswer = (teller: Teller, what: string, said = ""): ProviderError =>
  brokenAnswer("provider_failed", teller, what, said)

const brokenAnswer = (reason: ProviderError["reason"], { provider, secrets }: Teller, what: string, said: string) => {
  const told = upstreamMessage(said, secrets)
  return new ProviderError({
    provider,
    reason,
    message: `${provider} ${what}`,
    ...(told === "" ? {} : { upstreamMessage: told })
  })
}
