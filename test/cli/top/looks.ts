import { assert } from "@effect/vitest"
import { Result } from "effect"
import { Exposition } from "../../../src/cli/top/Exposition.ts"
import type { Look } from "../../../src/cli/top/Look.ts"

/** A look at a process that started at the epoch, at `seconds` after it. */
export const lookOf = (seconds: number, text: string, health: Partial<Look["health"]["components"]> = {}): Look => {
  const told = Exposition.read(/^xrouter_process_start_time/m.test(text) ? text : `${started}${text}`)
  return {
    at: seconds * 1000,
    ticks: seconds * 1000,
    health: {
      status: "up",
      components: { database: "up", redis: "off", providers: { gigachat: "up" }, ...health }
    },
    told: Result.isSuccess(told) ? told.success : assert.fail(told.failure.text)
  }
}

const started = "xrouter_process_start_time_seconds 0\n"

/** Ten seconds apart: 40 requests for an answer, ten more for a refusal, five of them a provider's failure. */
export const before = lookOf(
  3600,
  `xrouter_requests_total{provider="gigachat",model="gigachat/GigaChat-2"} 100
xrouter_errors_total{provider="none",code="rate_limit_error"} 1
xrouter_rate_limited_total{reason="requests_per_minute"} 1
xrouter_tokens_total{provider="gigachat",direction="input"} 1000
xrouter_tokens_total{provider="gigachat",direction="output"} 2000
xrouter_cost_total{provider="gigachat",currency="RUB"} 1.5
xrouter_process_cpu_seconds_total 20
xrouter_overhead_seconds_bucket{le="0.001"} 100
xrouter_overhead_seconds_bucket{le="0.002"} 100
xrouter_overhead_seconds_bucket{le="+Inf"} 100
`
)
export const after = lookOf(
  3610,
  `xrouter_requests_total{provider="gigachat",model="gigachat/GigaChat-2"} 130
xrouter_requests_total{provider="gigachat",model="other"} 10
xrouter_errors_total{provider="none",code="rate_limit_error"} 11
xrouter_errors_total{provider="gigachat",code="provider_error"} 5
xrouter_faults_total{by="caller"} 0
xrouter_faults_total{by="policy"} 11
xrouter_faults_total{by="provider"} 5
xrouter_faults_total{by="us"} 0
xrouter_rate_limited_total{reason="requests_per_minute"} 11
xrouter_tokens_total{provider="gigachat",direction="input"} 1500
xrouter_tokens_total{provider="gigachat",direction="output"} 14000
xrouter_cost_total{provider="gigachat",currency="RUB"} 2
xrouter_cost_total{provider="yandexgpt",currency="RUB"} 0.5
xrouter_process_cpu_seconds_total 25
xrouter_process_resident_memory_bytes 209715200
xrouter_process_event_loop_lag_p99_seconds 0.002
xrouter_process_open_sockets 12
xrouter_active_requests 7
xrouter_active_streams 3
xrouter_usage_pending 2
xrouter_revocation_lag_seconds 1.5
xrouter_circuit_open{provider="yandexgpt"} 1
xrouter_degraded{component="redis"} 1
xrouter_degraded{component="database"} 0
xrouter_client_disconnects_total 2
xrouter_request_duration_seconds_bucket{provider="gigachat",le="1"} 20
xrouter_request_duration_seconds_bucket{provider="gigachat",le="2"} 40
xrouter_request_duration_seconds_bucket{provider="gigachat",le="+Inf"} 40
xrouter_time_to_first_token_seconds_bucket{provider="gigachat",le="0.5"} 40
xrouter_time_to_first_token_seconds_bucket{provider="gigachat",le="+Inf"} 40
xrouter_overhead_seconds_bucket{le="0.001"} 120
xrouter_overhead_seconds_bucket{le="0.002"} 140
xrouter_overhead_seconds_bucket{le="+Inf"} 140
`,
  { redis: "down", providers: { gigachat: "degraded", yandexgpt: "down" } }
)
