import { Clock, Context, Effect, Layer } from "effect"
import type { Provider } from "../providers/Provider.ts"
import { ProviderChanges } from "./ProviderChanges.ts"
import { Providers } from "./Providers.ts"

export type ProviderStatus = "up" | "degraded" | "down"

/** Failures in a row after which a provider counts as down. */
const downAfter = 3

/** Calls that are remembered of each provider. */
const remembered = 100

/** How a provider has served lately. */
export interface ProviderRecord {
  readonly status: ProviderStatus
  /** Unix milliseconds of when the status became what it is. */
  readonly changedAt: number
  /** Of the remembered calls, from 0 to 1; undefined where there are none. */
  readonly successRate: number | undefined
  /** Milliseconds to the first content, the middle one of the remembered calls that succeeded. */
  readonly latency: number | undefined
}

/** How the providers have served lately, by what became of the calls: nobody is called in order to find out. */
export class ProviderHealth extends Context.Service<
  ProviderHealth,
  {
    /** `millis` to the first content. */
    readonly succeeded: (provider: Provider, millis: number) => void
    readonly failed: (provider: Provider) => void
    readonly status: () => ReadonlyMap<string, ProviderStatus>
    readonly records: () => ReadonlyMap<string, ProviderRecord>
  }
>()("xrouter/router/ProviderHealth") {
  static readonly layer = Layer.effect(
    ProviderHealth,
    Effect.gen(function* () {
      const providers = yield* Providers
      const clock = yield* Clock.Clock
      const now = () => clock.currentTimeMillisUnsafe()
      const histories = new WeakMap<Provider, History>()
      const begin = (provider: Provider) => void histories.set(provider, new History(now()))
      for (const provider of providers.values()) begin(provider)
      const changes = yield* ProviderChanges
      changes.follow(({ made }) => made.forEach(begin))

      const told = <A>(tell: (history: History) => A): ReadonlyMap<string, A> =>
        new Map(
          [...providers].flatMap(([name, provider]) => {
            const history = histories.get(provider)
            return history === undefined ? [] : [[name, tell(history)] as const]
          })
        )

      return {
        succeeded: (provider, millis) => histories.get(provider)?.succeeded(millis, now),
        failed: (provider) => histories.get(provider)?.failed(now),
        status: () => told(({ status }) => status),
        records: () => told(({ record }) => record)
      }
    })
  )
}

class History {
  /** Milliseconds of the calls that succeeded, NaN for those that failed; the oldest gives way. */
  private readonly calls: Array<number> = []
  private next = 0
  private failuresInARow = 0
  private changedAt: number

  constructor(now: number) {
    this.changedAt = now
  }

  get status(): ProviderStatus {
    if (this.failuresInARow === 0) return "up"
    return this.failuresInARow < downAfter ? "degraded" : "down"
  }

  get record(): ProviderRecord {
    const served = this.calls.filter((millis) => !Number.isNaN(millis)).sort((a, b) => a - b)
    return {
      status: this.status,
      changedAt: this.changedAt,
      successRate: this.calls.length === 0 ? undefined : served.length / this.calls.length,
      latency: served[Math.floor(served.length / 2)]
    }
  }

  succeeded(millis: number, now: () => number): void {
    this.remember(millis)
    if (this.failuresInARow === 0) return
    this.failuresInARow = 0
    this.changedAt = now()
  }

  failed(now: () => number): void {
    this.remember(Number.NaN)
    this.failuresInARow++
    if (this.failuresInARow === 1 || this.failuresInARow === downAfter) this.changedAt = now()
  }

  private remember(millis: number): void {
    this.calls[this.next] = millis
    this.next = (this.next + 1) % remembered
  }
}
