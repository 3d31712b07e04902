import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { hostname } from "node:os"
import { Worker } from "../../src/config/Worker.ts"
import { faultsOf, read } from "./reading.ts"

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" }

const exports = (environment: Record<string, string>) =>
  Effect.map(read(environment), ({ logExport, metricsExport, tracing }) => ({ logExport, metricsExport, tracing }))

const tracing = (environment: Record<string, string>) => Effect.map(exports(environment), ({ tracing }) => tracing)

describe("what is exported", () => {
  const going = (environment: Record<string, string>) =>
    Effect.map(exports(environment), ({ logExport, metricsExport, tracing }) => ({
      traces: tracing?.endpoint,
      metrics: metricsExport?.endpoint,
      logs: logExport?.endpoint
    }))

  it.effect("is nothing without a collector, or with the SDK disabled", () =>
    Effect.gen(function* () {
      const nothing = { traces: undefined, metrics: undefined, logs: undefined }
      assert.deepStrictEqual(yield* going({ OTEL_SERVICE_NAME: "ai" }), nothing)
      assert.deepStrictEqual(yield* going({ ...endpoint, OTEL_SDK_DISABLED: "true" }), nothing)
    })
  )

  it.effect("is all three signals, each below the collector's URL", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* going(endpoint), {
        traces: "http://collector:4318/v1/traces",
        metrics: "http://collector:4318/v1/metrics",
        logs: "http://collector:4318/v1/logs"
      })
    })
  )

  it.effect("goes where a signal's own URL says, as it is, and not at all where its exporter is none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* going({
          ...endpoint,
          OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "https://logs/here",
          OTEL_TRACES_EXPORTER: "none",
          OTEL_METRICS_EXPORTER: "prometheus"
        }),
        { traces: undefined, metrics: undefined, logs: "https://logs/here" }
      )
      assert.deepStrictEqual(yield* going({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://metrics" }), {
        traces: undefined,
        metrics: "http://metrics",
        logs: undefined
      })
      assert.deepStrictEqual(yield* going({ ...endpoint, OTEL_LOGS_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" }), {
        traces: "http://collector:4318/v1/traces",
        metrics: undefined,
        logs: undefined
      })
    })
  )

  it.effect("tells of one instance alike, each signal with its own headers, protocol and timeout", () =>
    Effect.gen(function* () {
      const { logExport, metricsExport, tracing } = yield* exports({
        ...endpoint,
        OTEL_SERVICE_NAME: "ai",
        OTEL_RESOURCE_ATTRIBUTES: "host.name=one",
        OTEL_EXPORTER_OTLP_HEADERS: "a=1",
        OTEL_EXPORTER_OTLP_METRICS_HEADERS: "b=2",
        OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_TIMEOUT: "3000",
        OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "2000"
      })
      for (const { resource } of [logExport, metricsExport, tracing].filter((one) => one !== undefined)) {
        assert.deepStrictEqual(Object.fromEntries(resource), { "host.name": "one", "service.name": "ai" })
      }
      const told = [tracing, metricsExport, logExport].map((one) => [
        one?.headers && Redacted.value(one.headers),
        one?.protocol,
        one && Duration.toMillis(one.timeout)
      ])
      assert.deepStrictEqual(told, [
        [[["a", "1"]], "http/protobuf", 3000],
        [[["b", "2"]], "http/protobuf", 2000],
        [[["a", "1"]], "http/json", 3000]
      ])
      assert.deepStrictEqual(metricsExport?.interval, Duration.minutes(1))
      assert.deepStrictEqual([logExport?.queueSize, logExport?.batchSize], [2048, 512])
      assert.deepStrictEqual(logExport?.interval, Duration.seconds(1))
    })
  )
})

describe("a worker", () => {
  it.effect("is told apart from the others on its port, under the name of the instance where there is one", () =>
    Effect.gen(function* () {
      const instanceOf = (environment: Record<string, string>) =>
        Effect.map(exports({ ...endpoint, ...environment }), ({ logExport, metricsExport, tracing }) =>
          [logExport, metricsExport, tracing].map((one) => one?.resource.get("service.instance.id"))
        )
      assert.deepStrictEqual(yield* instanceOf({}), [undefined, undefined, undefined])
      const named = { OTEL_RESOURCE_ATTRIBUTES: "service.instance.id=pod-7" }
      const asWorker = Effect.provideService(Worker, 2)
      assert.deepStrictEqual(yield* instanceOf(named).pipe(asWorker), ["pod-7-2", "pod-7-2", "pod-7-2"])
      assert.strictEqual((yield* instanceOf({}).pipe(asWorker))[0], `${hostname()}-2`)
    })
  )
})

describe("the settings of traces", () => {
  it.effect("have OpenTelemetry's defaults", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* tracing(endpoint), {
        endpoint: "http://collector:4318/v1/traces",
        headers: undefined,
        protocol: "http/protobuf",
        timeout: Duration.seconds(10),
        sampler: { name: "parentbased_always_on", share: 1 },
        resource: new Map([["service.name", "xrouter"]]),
        queueSize: 2048,
        batchSize: 512,
        interval: Duration.seconds(5)
      })
    })
  )

  it.effect("are what the variables say, those of traces before those of all signals", () =>
    Effect.gen(function* () {
      const settings = yield* tracing({
        ...endpoint,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces/here",
        OTEL_EXPORTER_OTLP_HEADERS: "a=1",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: "authorization=Bearer%20c4Nary7x, x-team=one",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "2000",
        OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.25",
        OTEL_SERVICE_NAME: "ai",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=pre%2Dproduction,",
        OTEL_BSP_MAX_QUEUE_SIZE: "100",
        OTEL_BSP_SCHEDULE_DELAY: "500"
      })
      assert.notInclude(JSON.stringify(settings), "c4Nary7x")
      assert.deepStrictEqual(settings?.headers && Redacted.value(settings.headers), [
        ["authorization", "Bearer c4Nary7x"],
        ["x-team", "one"]
      ])
      assert.deepStrictEqual(
        { ...settings, headers: undefined },
        {
          endpoint: "https://traces/here",
          headers: undefined,
          protocol: "http/json",
          timeout: Duration.seconds(2),
          sampler: { name: "parentbased_traceidratio", share: 0.25 },
          resource: new Map([
            ["service.name", "ai"],
            ["deployment.environment.name", "pre-production"]
          ]),
          queueSize: 100,
          batchSize: 100,
          interval: Duration.millis(500)
        }
      )
      assert.strictEqual(
        (yield* tracing({ ...endpoint, OTEL_RESOURCE_ATTRIBUTES: "service.name=other" }))?.resource.get("service.name"),
        "other"
      )
    })
  )

  it.effect("that are wrong are told all at once, a secret never", () =>
    Effect.gen(function* () {
      const faults = yield* faultsOf({
        OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318",
        OTEL_EXPORTER_OTLP_HEADERS: "c4Nary7x",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: "a key=c4Nary7x",
        OTEL_EXPORTER_OTLP_LOGS_HEADERS: "c4Nary7x",
        OTEL_METRICS_EXPORTER: "c4Nary7x",
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
        OTEL_TRACES_SAMPLER: "jaeger_remote",
        OTEL_TRACES_SAMPLER_ARG: "1.5",
        OTEL_RESOURCE_ATTRIBUTES: "a=%zz"
      })
      const pairs = "pairs separated by commas, the values percent-encoded"
      assert.deepStrictEqual(faults, [
        "OTEL_EXPORTER_OTLP_ENDPOINT: Expected a URL that begins with https:// or http://, without user, query or fragment",
        `OTEL_EXPORTER_OTLP_HEADERS: Expected header=value ${pairs}`,
        "OTEL_EXPORTER_OTLP_PROTOCOL: Expected http/protobuf or http/json; gRPC is not spoken",
        `OTEL_RESOURCE_ATTRIBUTES: Expected name=value ${pairs}`,
        `OTEL_EXPORTER_OTLP_TRACES_HEADERS: Expected header=value ${pairs}`,
        "OTEL_TRACES_SAMPLER: Expected one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG: Expected a number from 0 to 1",
        "OTEL_METRICS_EXPORTER: Expected one of otlp, prometheus, none",
        `OTEL_EXPORTER_OTLP_LOGS_HEADERS: Expected header=value ${pairs}`
      ])
    })
  )
})
