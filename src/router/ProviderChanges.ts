import { Context } from "effect"
import type { Provider } from "../providers/Provider.ts"

/** What a configuration that was read again did to the providers. One that was made anew is in both, as two values. */
export interface ProviderChange {
  readonly made: ReadonlyArray<Provider>
  /** Nobody new comes to them; calls that are under way go on. */
  readonly retired: ReadonlyArray<Provider>
}

/**
 * For those who keep something of each provider, beside what they keep by the provider itself. They are told when the settings and the
 * providers are the new ones already, in the same step, before any request sees them. Providers that were not made of the settings never
 * change.
 */
export const ProviderChanges = Context.Reference<{
  readonly follow: (onChange: (change: ProviderChange) => void) => void
}>("xrouter/router/ProviderChanges", { defaultValue: () => ({ follow: () => undefined }) })
