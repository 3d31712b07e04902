import { type Context, Effect, Metric } from "effect"
import { monitorEventLoopDelay, performance } from "node:perf_hooks"

/**
 * What the process itself does. Node keeps these numbers anyway and is asked for them when somebody scrapes; only the event loop's delay is
 * measured in between, by a timer of Node's own that costs no JavaScript.
 */
export const processMetrics = Effect.fnUntraced(function* (registry: Context.Context<never>) {
  const delays = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const delays = monitorEventLoopDelay({ resolution })
      delays.enable()
      return delays
    }),
    (delays) => Effect.sync(() => delays.disable())
  )

  const gauge = (name: string, description: string) => {
    const metric = Metric.gauge(name, { description })
    return (value: number) => metric.updateUnsafe(value, registry)
  }
  /** Told totals: what Node says of it grows and is not reset. */
  const counter = (name: string, description: string) => {
    const metric = Metric.counter(name, { description, incremental: true })
    let known = 0
    return (total: number) => {
      metric.updateUnsafe(Math.max(0, total - known), registry)
      known = Math.max(known, total)
    }
  }

  const lagP99 = gauge(
    "xrouter_process_event_loop_lag_p99_seconds",
    "Delay of the event loop since the last scrape, p99"
  )
  const lagMax = gauge(
    "xrouter_process_event_loop_lag_max_seconds",
    "Longest delay of the event loop since the last scrape"
  )
  const busy = counter("xrouter_process_event_loop_busy_seconds_total", "Time that the event loop was not waiting")
  const processor = counter("xrouter_process_cpu_seconds_total", "Processor time of the process, all its threads")
  const resident = gauge("xrouter_process_resident_memory_bytes", "Memory that the process holds")
  const heap = gauge("xrouter_process_heap_bytes", "JavaScript heap in use")
  const external = gauge("xrouter_process_external_memory_bytes", "Buffers and other memory beside the JavaScript heap")
  const sockets = gauge("xrouter_process_open_sockets", "TCP connections, of clients and to providers and stores")
  const started = gauge("xrouter_process_start_time_seconds", "When the process started, Unix time")

  return () => {
    const { external: beside, heapUsed, rss } = process.memoryUsage()
    const { system, user } = process.cpuUsage()
    lagP99(lag(delays.percentile(99)))
    lagMax(lag(delays.max))
    delays.reset()
    busy(performance.eventLoopUtilization().active / 1000)
    processor((system + user) / 1_000_000)
    resident(rss)
    heap(heapUsed)
    external(beside)
    sockets(process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length)
    started(performance.timeOrigin / 1000)
  }
})

/** Milliseconds between two looks of Node's at the clock, which the delays that it tells contain. */
const resolution = 20

/** Seconds. Where nothing was measured yet, the histogram's values are near 0. */
const lag = (nanos: number): number => Math.max(0, nanos / 1e6 - resolution) / 1000
