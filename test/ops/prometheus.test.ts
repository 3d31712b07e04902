import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import { isJsonObject } from "../../src/domain/Json.ts"
import { eventually } from "../support/Eventually.ts"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { type Prometheus, startPrometheus } from "../support/Prometheus.ts"
import { prometheusBinary } from "../support/PrometheusBinary.ts"
import { alias } from "../support/ScriptedProvider.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { readExposition } from "../telemetry/exposition.ts"
import { asAsked, dashboards } from "./Dashboards.ts"

const ops = fileURLToPath(new URL("../../ops/prometheus", import.meta.url))
const read = (path: string) => readFileSync(join(ops, path), "utf8")

const promtool = (args: ReadonlyArray<string>, input = "") =>
  Effect.map(Effect.orDie(prometheusBinary), ({ promtool }) => {
    const { status, stderr, stdout } = spawnSync(promtool, args, { cwd: ops, encoding: "utf8", input })
    return { status, said: stdout + stderr }
  })

interface Rules {
  readonly groups: ReadonlyArray<{
    readonly rules: ReadonlyArray<{
      readonly alert?: string
      readonly record?: string
      readonly expr: string
      readonly annotations?: Readonly<Record<string, string>>
    }>
  }>
}
const rulesOf = (file: string) => (parse(read(file)) as Rules).groups.flatMap(({ rules }) => rules)
const alerts = rulesOf("rules/alerts.yml")
const recordings = rulesOf("rules/recording.yml")

describe("ops/prometheus", () => {
  it.live("is a configuration and rules that Prometheus takes, with no complaint of its linter's", () =>
    Effect.gen(function* () {
      for (const args of [
        ["check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"],
        ["check", "rules", "--lint=all", "--lint-fatal", "rules/alerts.yml", "rules/recording.yml"]
      ]) {
        const { said, status } = yield* promtool(args)
        assert.strictEqual(status, 0, said)
        assert.notMatch(said, /lint error|WARNING|FAILED/i)
      }
    })
  )

  it.live("has alerts that fire when they should and are quiet when they should", () =>
    Effect.gen(function* () {
      const { said, status } = yield* promtool(["test", "rules", "tests/alerts.yml"])
      assert.strictEqual(status, 0, said)
    })
  )

  it("shows of each alert both, and says what it means and where its cure is written", () => {
    const { tests }: { tests: ReadonlyArray<{ alert_rule_test: ReadonlyArray<Shown> }> } = parse(
      read("tests/alerts.yml")
    )
    interface Shown {
      readonly alertname: string
      readonly exp_alerts: ReadonlyArray<unknown>
    }
    const shown = tests.flatMap((test) => test.alert_rule_test)
    assert.isAtLeast(alerts.length, 10)
    for (const { alert, annotations } of alerts) {
      const of = shown.filter(({ alertname }) => alertname === alert)
      assert.isTrue(
        of.some(({ exp_alerts }) => exp_alerts.length > 0),
        `${alert} fires`
      )
      assert.isTrue(
        of.some(({ exp_alerts }) => exp_alerts.length === 0),
        `${alert} is quiet`
      )
      assert.strictEqual(annotations?.["runbook"], `docs/observability.md#${alert?.toLowerCase()}`)
      assert.isNotEmpty(annotations?.["summary"])
      assert.isNotEmpty(annotations?.["description"])
    }
  })

  it("records what an alert asks of, and nothing that nobody asks of", () => {
    const asked = [...alerts, ...recordings].map(({ expr }) => expr).join("\n")
    for (const { record } of recordings) {
      if (record !== undefined) assert.include(asked, record)
    }
  })
})

class Watched extends Context.Service<
  Watched,
  {
    readonly gateway: TestGateway
    readonly upstream: OpenAiUpstream.OpenAiUpstream
    readonly prometheus: Prometheus
  }
>()("Watched") {
  static readonly layer = Layer.effect(
    Watched,
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make()
      const gateway = yield* startGateway({
        providers: providers({
          openai: openAiSettings(upstream.baseUrl),
          spare: openAiSettings(upstream.baseUrl),
          sandbox: { kind: "sandbox" }
        }),
        models: new Map([["safe", alias(["spare/broken", "sandbox/echo"], { price })]])
      })
      // The list of models is there: their names are labels.
      yield* gateway.request("/v1/models", { headers: { authorization: `Bearer ${yield* gateway.makeKey()}` } })
      const prometheus = yield* startPrometheus(gateway.url, [join(ops, "rules/*.yml")])
      return { gateway, upstream, prometheus }
    })
  )
}

const messages = [{ role: "user", content: "One two three four" }]
const price = { input: "0.20", output: "0.40", cachedInput: undefined, currency: "RUB", per: 1000 }
const stream = { stream: true, stream_options: { include_usage: true } }

/** Whole answers and streams, a provider's failures, refusals of ours, and a model that another takes over. */
const mixedLoad = Effect.fnUntraced(function* (gateway: TestGateway) {
  const key = yield* gateway.makeKey()
  const narrow = yield* gateway.makeKey({ limits: { rpm: 1 } })
  const load = Array.from({ length: 12 }, (_, index) => ({
    model: "openai/gpt-test",
    messages: [{ role: "user", content: "word ".repeat(index + 1).trim() }],
    ...(index % 3 === 0 ? stream : {})
  }))
  yield* Effect.forEach(load, (body) => gateway.chat(key, body), { concurrency: 4 })
  yield* Effect.forEach(
    ["openai/broken", "openai/limited", "safe"],
    (model) => gateway.chat(key, { model, messages }),
    { concurrency: "unbounded" }
  )
  yield* gateway.chat(narrow, { model: "sandbox/echo", messages })
  yield* gateway.chat(narrow, { model: "sandbox/echo", messages })
  yield* gateway.chat("xr-wrong", { model: "sandbox/echo", messages })
})

/** What the upstream was asked of one of its models. */
const received = ({ requests }: OpenAiUpstream.OpenAiUpstream, model: string) =>
  requests.flatMap(({ body }) => (isJsonObject(body) && body["model"] === model ? [body] : []))

/** What the gateway of one process here has none of; `test/cluster/Workers.test.ts` has. */
const ofSeveralWorkers: ReadonlySet<string> = new Set(["xrouter_worker_restarts_total"])

layer(Watched.layer, { excludeTestServices: true })("a Prometheus that scrapes a gateway under load", (it) => {
  /** Waits for a scrape that tells it. */
  const scraped = (prometheus: Prometheus, expression: string, value: number) =>
    eventually(
      Effect.sleep("100 millis").pipe(
        Effect.andThen(prometheus.query(expression)),
        Effect.map((samples) => samples.some((sample) => sample.value === value))
      )
    )

  it.effect("sees in the four metrics what the upstream counted itself", () =>
    Effect.gen(function* () {
      const { gateway, prometheus, upstream } = yield* Watched
      // Twice: a rate needs a series that was there before.
      yield* mixedLoad(gateway)
      yield* scraped(prometheus, 'sum(xrouter_requests_total{model="openai/gpt-test"})', 12)
      yield* mixedLoad(gateway)
      const counted = received(upstream, "gpt-test")
      assert.strictEqual(counted.length, 24)
      yield* scraped(prometheus, 'sum(xrouter_requests_total{model="openai/gpt-test"})', counted.length)
      yield* scraped(prometheus, 'sum(xrouter_faults_total{by="caller"})', 2)

      const one = (expression: string) =>
        Effect.map(prometheus.query(expression), (samples) => {
          assert.lengthOf(samples, 1, expression)
          return samples[0]?.value
        })
      // Its answer has as many tokens as the question has words, and every question costs it nine.
      const questions = counted.flatMap((body) => {
        const [message]: ReadonlyArray<unknown> = Array.isArray(body["messages"]) ? body["messages"] : []
        return isJsonObject(message) ? [String(message["content"])] : []
      })
      const sumOf = (tokens: (question: string) => number) => questions.reduce((sum, each) => sum + tokens(each), 0)
      const output = sumOf((question) => question.split(" ").length)
      assert.strictEqual(output, 2 * 78)
      assert.strictEqual(yield* one('xrouter_tokens_total{provider="openai",direction="output"}'), output)
      assert.strictEqual(yield* one('xrouter_tokens_total{provider="openai",direction="input"}'), 9 * counted.length)

      // By itself the gateway would have counted a token for three characters, and four for a message.
      const own = (direction: string) =>
        one(`xrouter_tokens_estimated_total{provider="openai",direction="${direction}"}`)
      const ownOutput = sumOf((question) => Math.ceil(question.length / 3))
      assert.strictEqual(yield* own("output"), ownOutput)
      assert.strictEqual(yield* own("input"), ownOutput + 4 * counted.length)

      const errors = (code: string) => one(`sum(xrouter_errors_total{provider="openai",code="${code}"})`)
      assert.strictEqual(yield* errors("provider_error"), 2)
      assert.strictEqual(yield* errors("rate_limit_error"), 2)
      // Each request to it is one that it received, or one that it received again.
      const calls = upstream.requests.filter(({ path }) => path.endsWith("/chat/completions")).length
      const requests = yield* one('sum(xrouter_requests_total{provider="openai"})')
      const retries = yield* one("sum(xrouter_retries_total)")
      const fallbacks = yield* one('xrouter_fallbacks_total{from="spare",to="sandbox"}')
      assert.strictEqual((requests ?? 0) + (retries ?? 0) + (fallbacks ?? 0), calls)
      assert.strictEqual(fallbacks, 2)
      assert.strictEqual(
        yield* one('sum(xrouter_request_duration_seconds_count{provider="openai"})'),
        requests,
        "a duration for each"
      )

      const faults = (by: string) => one(`xrouter_faults_total{by="${by}"}`)
      assert.deepStrictEqual(yield* Effect.forEach(["caller", "policy", "provider", "us"], faults), [2, 2, 4, 0])
    })
  )

  it.effect("sees of what calls cost the sum that the ledger tells exactly", () =>
    Effect.gen(function* () {
      const { gateway, prometheus } = yield* Watched
      const totals = Effect.map(gateway.admin("GET", "/usage?model=safe&status=completed"), ({ json }) => json.totals)
      yield* eventually(Effect.map(totals, ({ requests }) => requests === 2))
      const { cost, currency } = yield* totals
      assert.strictEqual(currency, "RUB")
      assert.isAbove(Number(cost), 0)
      yield* eventually(
        Effect.sleep("100 millis").pipe(
          Effect.andThen(prometheus.query("xrouter_cost_total")),
          Effect.map(
            ([sample, ...more]) =>
              more.length === 0 &&
              sample?.metric["provider"] === "sandbox" &&
              sample.metric["currency"] === "RUB" &&
              Math.abs(sample.value - Number(cost)) < 1e-9
          )
        )
      )
    })
  )

  it.effect("gets an answer with numbers to every query of every dashboard", () =>
    Effect.gen(function* () {
      const { prometheus } = yield* Watched
      const silent: Array<string> = []
      assert.deepStrictEqual(dashboards.map(({ uid }) => uid).toSorted(), [
        "xrouter-limits-and-money",
        "xrouter-overview",
        "xrouter-providers"
      ])
      for (const { file, panels } of dashboards) {
        for (const { targets, title } of panels) {
          assert.isNotEmpty(targets, `${file}: ${title}`)
          for (const { expr } of targets) {
            const samples = yield* prometheus.query(asAsked(expr))
            if (!samples.some(({ value }) => Number.isFinite(value))) silent.push(`${file}: ${title}: ${expr}`)
          }
        }
      }
      assert.deepStrictEqual(silent, [])
    })
  )

  it.effect("knows every metric that a dashboard, a rule or a variable names", () =>
    Effect.gen(function* () {
      const { prometheus } = yield* Watched
      const known = new Set<string>(yield* prometheus.api("label/__name__/values"))
      const expressions = [
        ...dashboards.flatMap(({ panels, templating }) => [
          ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
          ...templating.list.map(({ definition }) => definition)
        ]),
        ...[...alerts, ...recordings].map(({ expr }) => expr)
      ]
      const named = new Set(expressions.flatMap((text) => text.match(/[a-z_:]*\bxrouter_[a-z0-9_:]+/g) ?? []))
      assert.isAtLeast(named.size, 20)
      assert.deepStrictEqual(
        [...named].filter((name) => !known.has(name) && !ofSeveralWorkers.has(name)),
        []
      )
      const { groups } = yield* prometheus.api("rules")
      const faulty = groups.flatMap(({ rules }: { rules: ReadonlyArray<{ name: string; health: string }> }) =>
        rules.filter(({ health }) => health !== "ok").map(({ health, name }) => `${name} ${health}`)
      )
      assert.deepStrictEqual(faulty, [])
    })
  )

  it.effect("is told nothing that its linter minds", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Watched
      const { text } = yield* gateway.request("/metrics")
      const { said, status } = yield* promtool(["check", "metrics"], text)
      assert.strictEqual(said, "")
      assert.strictEqual(status, 0)
      readExposition(text)
    })
  )

  it.effect("sees no more series after hundreds of made-up models and keys", () =>
    Effect.gen(function* () {
      const { gateway, prometheus } = yield* Watched
      const invent = Effect.fnUntraced(function* () {
        const name = crypto.randomUUID()
        yield* gateway.chat(key, { model: `sandbox/${name}`, messages })
        yield* gateway.chat(key, { model: name, messages })
        yield* gateway.chat(`xr-${name}`, { model: "sandbox/echo", messages })
        yield* gateway.request(`/v1/${name}`)
      })
      const key = yield* gateway.makeKey()
      const series = Effect.map(gateway.request("/metrics"), ({ text }) => [...readExposition(text).samples.keys()])
      yield* invent()
      yield* gateway.chat(key, { model: "sandbox/echo", messages })
      const before = yield* series
      const scraped = yield* prometheus.query('count({job="xrouter"})')
      yield* Effect.forEach(Array.from({ length: 80 }), invent, { concurrency: 8 })
      const keys = yield* Effect.forEach(Array.from({ length: 20 }), () => gateway.makeKey(), { concurrency: 4 })
      yield* Effect.forEach(keys, (key) => gateway.chat(key, { model: "sandbox/echo", messages }), { concurrency: 4 })
      const after = yield* series
      assert.deepStrictEqual(after, before)
      for (const key of keys) assert.notInclude(after.join("\n"), key)
      assert.isAtLeast(scraped[0]?.value ?? 0, 100)
    })
  )
})
