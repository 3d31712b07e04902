import { Clock, Context, Duration, Effect, Layer } from "effect"
import { type ProviderSettings, Settings } from "../config/Settings.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { Circuit, type CircuitRules, type CircuitState, defaultCircuit } from "./Circuit.ts"
import { CircuitNews } from "./CircuitNews.ts"
import type { Provider } from "../providers/Provider.ts"
import { ProviderChanges } from "./ProviderChanges.ts"
import { Providers } from "./Providers.ts"
import { Speed } from "./Speed.ts"

/** How one model of a provider has served lately. */
export class Condition {
  readonly circuit: Circuit
  readonly stream = new Speed()
  readonly whole = new Speed()
  /** Until then its provider has asked us not to come; it is called where nobody else is left. */
  restsUntil = -Infinity
  /** Why its last call failed. */
  failure: string | undefined

  constructor(rules: CircuitRules) {
    this.circuit = new Circuit(rules)
  }
}

/** Models of a provider that are remembered; callers may make names up, and those past it share one condition. */
const rememberedModels = 200

/**
 * The condition of each model of each provider, found by two look-ups. It is the provider's own: one that is made anew begins with a clean
 * sheet, and calls that its predecessor still serves say nothing of it.
 */
export class Conditions extends Context.Service<
  Conditions,
  {
    /** Undefined of a model that nobody has called yet. */
    readonly find: (provider: Provider, model: string) => Condition | undefined
    /** Makes one where there is none. */
    readonly of: (provider: Provider, model: string) => Condition
    /** The worst of a provider's circuits. */
    readonly circuit: (provider: string, now: number) => CircuitState
    /** To be told whenever the model's circuit opened or closed. */
    readonly changed: (provider: Provider, model: string, now: number) => void
  }
>()("xrouter/router/Conditions") {
  static readonly layerNoDeps = Layer.effect(
    Conditions,
    Effect.gen(function* () {
      const settings = yield* Settings
      const changes = yield* ProviderChanges
      const providers = yield* Providers
      const metrics = yield* Metrics
      const news = yield* CircuitNews
      const clock = yield* Clock.Clock
      const known = new WeakMap<Provider, Map<string, Condition>>()
      for (const name of providers.keys()) metrics.setCircuitOpen(name, false)

      changes.follow(({ made, retired }) => {
        for (const { name } of [...retired, ...made]) metrics.setCircuitOpen(name, false)
        for (const [name, provider] of providers) {
          const rules = rulesOf(settings.providers.get(name))
          for (const { circuit } of known.get(provider)?.values() ?? []) circuit.follow(rules)
        }
      })

      const make = ({ name: provider }: Provider, models: Map<string, Condition>, model: string): Condition => {
        const name = models.size < rememberedModels ? model : others
        let condition = models.get(name)
        if (condition === undefined) {
          models.set(name, (condition = new Condition(rulesOf(settings.providers.get(provider)))))
        }
        return condition
      }

      const of = (provider: Provider, model: string): Condition => {
        let models = known.get(provider)
        if (models === undefined) known.set(provider, (models = new Map()))
        return models.get(model) ?? make(provider, models, model)
      }

      const circuit = (name: string, now: number): CircuitState => {
        const provider = providers.get(name)
        let worst: CircuitState = "closed"
        for (const { circuit } of (provider && known.get(provider))?.values() ?? []) {
          const state = circuit.stateAt(now)
          if (state === "open") return state
          if (state === "half_open") worst = state
        }
        return worst
      }

      const gauge = (provider: string, now: number) =>
        metrics.setCircuitOpen(provider, circuit(provider, now) !== "closed")

      yield* news.follow(({ model, openFor, provider: name }) => {
        const provider = providers.get(name)
        if (provider === undefined) return
        const now = Number(clock.monotonicTimeNanosUnsafe()) / 1e6
        const condition = of(provider, model)
        if (openFor === 0) condition.circuit.close()
        else {
          condition.circuit.openFor(openFor, now)
          condition.failure = "as another instance has found"
        }
        gauge(name, now)
      })

      return {
        find: (provider, model) => {
          const models = known.get(provider)
          return models?.get(model) ?? models?.get(others)
        },
        of,
        circuit,
        changed: (provider, model, now) => {
          const { name } = provider
          // What became of one that is not there any more is nobody's business.
          if (providers.get(name) !== provider) return
          gauge(name, now)
          news.tell({ provider: name, model, openFor: of(provider, model).circuit.waitAt(now) ?? 0 })
        }
      }
    })
  )

  static readonly layer = Conditions.layerNoDeps.pipe(Layer.provide(CircuitNews.layer))
}

/** No model has an empty name. */
const others = ""

const rulesOf = (settings: ProviderSettings | undefined): CircuitRules => {
  const circuit = settings !== undefined && "circuit" in settings ? settings.circuit : undefined
  return {
    failures: circuit?.failures ?? defaultCircuit.failures,
    cooldown: circuit?.cooldown === undefined ? defaultCircuit.cooldown : Duration.toMillis(circuit.cooldown)
  }
}
