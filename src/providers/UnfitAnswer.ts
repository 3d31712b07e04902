import { ProviderError } from "../domain/Errors.ts"
import type { Usage } from "../domain/Usage.ts"

/**
 * A model's answer that is whole and not what was asked for: no call where one was required, not the JSON of the schema. A caller may
 * ask for what no model can give, so it says nothing of how its provider works.
 */
export class UnfitAnswer extends ProviderError {}

/** `usage` of all that was asked in vain, where nobody has heard of it yet. */
export const unfitAnswer = (provider: string, what: string, usage?: Usage): UnfitAnswer =>
  new UnfitAnswer({
    reason: "provider_invalid_answer",
    provider,
    message: `${provider} ${what}`,
    ...(usage === undefined ? {} : { usage })
  })
