import { Context, Layer } from "effect"
import { Providers } from "./Providers.ts"

export type ProviderStatus = "up" | "degraded" | "down"

/** Failures in a row after which a provider counts as down. */
const downAfter = 3

/** How the providers have served lately, by what became of the calls: nobody is called in order to find out. */
export class ProviderHealth extends Context.Service<
  ProviderHealth,
  {
    readonly succeeded: (provider: string) => void
    readonly failed: (provider: string) => void
    readonly status: () => ReadonlyMap<string, ProviderStatus>
  }
>()("xrouter/router/ProviderHealth") {
  static readonly layer = Layer.effect(
    ProviderHealth,
    Providers.useSync((providers) => {
      const failures = new Map([...providers.keys()].map((name) => [name, 0]))
      return {
        succeeded: (provider) => void failures.set(provider, 0),
        failed: (provider) => void failures.set(provider, (failures.get(provider) ?? 0) + 1),
        status: () => new Map([...failures].map(([name, count]) => [name, statusOf(count)]))
      }
    })
  )
}

const statusOf = (failuresInARow: number): ProviderStatus => {
  if (failuresInARow === 0) return "up"
  return failuresInARow < downAfter ? "degraded" : "down"
}
