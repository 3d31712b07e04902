import type { Exposition } from "./Exposition.ts"
import type { Look } from "./Look.ts"
import { type Quantiles, quantilesBetween } from "./Quantiles.ts"

/** What is shown of a gateway: how it stands now, and what it has done lately. Rates are a second, shares from 0 to 1, spans in seconds. */
export interface View {
  /** Unix milliseconds. */
  readonly at: number
  /** What it has done lately; undefined where there is but one look. */
  readonly lately: Lately | undefined
  readonly status: Look["health"]["status"]
  readonly database: ComponentStatus
  readonly redis: ComponentStatus
  /** Stores that are worked around. */
  readonly degraded: ReadonlyArray<string>
  readonly runningFor: number
  readonly activeRequests: number
  readonly activeStreams: number
  /** Calls that have ended and wait for the database. */
  readonly usagePending: number
  readonly revocationLag: number
  readonly eventLoopLag: number
  readonly residentBytes: number
  readonly openSockets: number
  readonly providers: ReadonlyArray<ProviderView>
  readonly limits: ReadonlyArray<LimitView>
  readonly costs: ReadonlyArray<CostView>
}

type ComponentStatus = Look["health"]["components"]["database"]

export interface Lately {
  /** How long that is. */
  readonly seconds: number
  readonly requests: number
  /** Of what was asked; undefined where nothing was. */
  readonly errorShare: number | undefined
  /** Failed requests by whose doing it is. */
  readonly faults: Readonly<Record<"caller" | "policy" | "provider" | "us", number>>
  readonly disconnects: number
  readonly duration: Quantiles | undefined
  readonly overhead: Quantiles | undefined
  readonly firstToken: Quantiles | undefined
  readonly inputTokens: number
  readonly outputTokens: number
  /** Cores. */
  readonly processor: number
}

export interface ProviderView {
  readonly name: string
  readonly state: "operational" | "degraded" | "down"
  readonly isCircuitOpen: boolean
  readonly lately: ProviderLately | undefined
}

export interface ProviderLately {
  readonly requests: number
  /** Requests that it failed, of its requests; undefined where there was none. */
  readonly errorShare: number | undefined
  readonly duration: Quantiles | undefined
  readonly firstToken: Quantiles | undefined
  readonly outputTokens: number
}

export interface LimitView {
  readonly reason: string
  /** Since the gateway's start. */
  readonly refused: number
  readonly lately: number | undefined
}

export interface CostView {
  readonly currency: string
  /** Since the gateway's start. */
  readonly amount: number
  readonly lately: number | undefined
}

/** A gateway's start, by which one process of it is told from the next one, and one instance from another. */
export const startOf = ({ told }: Look): number => told.sum("xrouter_process_start_time_seconds")

/** `from` is an earlier look at the same process. */
export const viewOf = (from: Look | undefined, to: Look): View => {
  const { health, told } = to
  const { database, providers, redis } = health.components
  const since = from === undefined ? undefined : new Interval(from, to)
  const perSecond = (name: string, labels: Labels) => since?.rate(name, labels)
  return {
    at: to.at,
    lately: since === undefined ? undefined : latelyOf(since),
    status: health.status,
    database,
    redis,
    degraded: told
      .samples("xrouter_degraded")
      .flatMap(({ labels, value }) => (value > 0 ? (labels.get("component") ?? []) : [])),
    runningFor: Math.max(0, to.at / 1000 - startOf(to)),
    activeRequests: told.sum("xrouter_active_requests"),
    activeStreams: told.sum("xrouter_active_streams"),
    usagePending: told.sum("xrouter_usage_pending"),
    revocationLag: told.sum("xrouter_revocation_lag_seconds"),
    eventLoopLag: told.sum("xrouter_process_event_loop_lag_p99_seconds"),
    residentBytes: told.sum("xrouter_process_resident_memory_bytes"),
    openSockets: told.sum("xrouter_process_open_sockets"),
    providers: Object.entries(providers).map(([name, status]) => ({
      name,
      state: status === "up" || status === "off" ? "operational" : status,
      isCircuitOpen: told.sum("xrouter_circuit_open", { provider: name }) > 0,
      lately: since === undefined ? undefined : providerLately(since, name)
    })),
    limits: [...told.values("xrouter_rate_limited_total", "reason")].sort().map((reason) => ({
      reason,
      refused: told.sum("xrouter_rate_limited_total", { reason }),
      lately: perSecond("xrouter_rate_limited_total", { reason })
    })),
    costs: [...told.values("xrouter_cost_total", "currency")].sort().map((currency) => ({
      currency,
      amount: told.sum("xrouter_cost_total", { currency }),
      lately: perSecond("xrouter_cost_total", { currency })
    }))
  }
}

type Labels = Readonly<Record<string, string>>

/** What has happened between two looks at one process. */
class Interval {
  readonly seconds: number
  readonly #from: Exposition
  readonly #to: Exposition

  constructor(from: Look, to: Look) {
    // Two looks within one tick of the clock are not apart by nothing.
    this.seconds = Math.max(1, to.ticks - from.ticks) / 1000
    this.#from = from.told
    this.#to = to.told
  }

  rate(counter: string, labels: Labels = {}): number {
    return Math.max(0, this.#to.sum(counter, labels) - this.#from.sum(counter, labels)) / this.seconds
  }

  quantiles(histogram: string, labels: Labels = {}): Quantiles | undefined {
    return quantilesBetween(this.#from, this.#to, histogram, labels)
  }
}

const latelyOf = (since: Interval): Lately => {
  const faults = (by: string) => since.rate("xrouter_faults_total", { by })
  // What reached a provider, and what was refused before.
  const asked = since.rate("xrouter_requests_total") + since.rate("xrouter_errors_total", { provider: "none" })
  return {
    seconds: since.seconds,
    requests: asked,
    errorShare: shareOf(since.rate("xrouter_errors_total"), asked),
    faults: { caller: faults("caller"), policy: faults("policy"), provider: faults("provider"), us: faults("us") },
    disconnects: since.rate("xrouter_client_disconnects_total"),
    duration: since.quantiles("xrouter_request_duration_seconds"),
    overhead: since.quantiles("xrouter_overhead_seconds"),
    firstToken: since.quantiles("xrouter_time_to_first_token_seconds"),
    inputTokens: since.rate("xrouter_tokens_total", { direction: "input" }),
    outputTokens: since.rate("xrouter_tokens_total", { direction: "output" }),
    processor: since.rate("xrouter_process_cpu_seconds_total")
  }
}

const providerLately = (since: Interval, provider: string): ProviderLately => {
  const requests = since.rate("xrouter_requests_total", { provider })
  return {
    requests,
    errorShare: shareOf(since.rate("xrouter_errors_total", { provider, code: "provider_error" }), requests),
    duration: since.quantiles("xrouter_request_duration_seconds", { provider }),
    firstToken: since.quantiles("xrouter_time_to_first_token_seconds", { provider }),
    outputTokens: since.rate("xrouter_tokens_total", { provider, direction: "output" })
  }
}

/** An error is counted at its request's end, as its request is: more of them than requests there cannot be. */
const shareOf = (part: number, whole: number): number | undefined => (whole > 0 ? Math.min(1, part / whole) : undefined)
