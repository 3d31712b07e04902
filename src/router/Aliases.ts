import type { ModelAlias, Price, Timeouts, ToolsWay } from "../config/Settings.ts"
import type { Resolution } from "./Catalog.ts"
import type { Costs } from "./Costs.ts"
import type { Weighted } from "./Policy.ts"
import { defaultAttempts } from "./Retries.ts"
import { patienceOf } from "./Timeouts.ts"

/** What the aliases of the file are made of. */
export interface AliasParts {
  readonly costs: Costs
  /** `provider/model` where the provider is there. */
  readonly direct: (model: string) => Weighted | undefined
  readonly timeoutsOf: (provider: string) => Partial<Timeouts> | undefined
}

/** The aliases of the file, by name. */
export const aliasesOf = (
  models: ReadonlyMap<string, ModelAlias>,
  { costs, direct, timeoutsOf }: AliasParts
): ReadonlyMap<string, Resolution> => {
  const candidateOf = (
    { price, timeouts, tools }: ModelAlias,
    model: string,
    weight: number,
    own: Price | undefined,
    way: ToolsWay | undefined = tools
  ): ReadonlyArray<Weighted> => {
    const candidate = direct(model)
    if (candidate === undefined) return []
    const patience = patienceOf(timeouts, timeoutsOf(candidate.provider.name))
    return [
      {
        ...candidate,
        weight,
        patience,
        cost: costs.of(own) ?? candidate.cost ?? costs.of(price),
        ...(way === "prompt" ? { tools: way } : {})
      }
    ]
  }
  return new Map(
    [...models].map(([name, alias]) => [
      name,
      {
        name,
        candidates: alias.candidates.flatMap(({ model, price, tools, weight }) =>
          candidateOf(alias, model, weight, price, tools)
        ),
        fallbacks: alias.fallbacks.flatMap((model) => candidateOf(alias, model, 1, undefined)),
        strategy: alias.strategy,
        attempts: alias.attempts ?? defaultAttempts
      }
    ])
  )
}
