import { Effect, FileSystem, type Scope } from "effect"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { join } from "node:path"
import { startChild } from "./Child.ts"
import { eventually } from "./Eventually.ts"
import { prometheusBinary } from "./PrometheusBinary.ts"
import { freePort } from "./Redis.ts"

/** A real Prometheus that scrapes one gateway five times a second; gone when the scope closes. */
export interface Prometheus {
  readonly url: string
  /** The samples of an instant query as of now; dies where the expression cannot be evaluated. */
  readonly query: (expression: string) => Effect.Effect<ReadonlyArray<Sample>>
  /** What `/api/v1/<path>` says. */
  readonly api: (path: string) => Effect.Effect<any> // oxlint-disable-line typescript/no-explicit-any -- a test looks into it
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export const startPrometheus = Effect.fnUntraced(function* (
  gatewayUrl: string,
  ruleFiles: ReadonlyArray<string>
): Effect.fn.Return<Prometheus, never, Scope.Scope> {
  const { prometheus } = yield* Effect.orDie(prometheusBinary)
  const fs = yield* Effect.provide(FileSystem.FileSystem, NodeServices.layer)
  const folder = yield* Effect.orDie(fs.makeTempDirectoryScoped({ prefix: "xrouter-prometheus-" }))
  // JSON is YAML.
  const configuration = {
    global: { scrape_interval: "200ms", scrape_timeout: "200ms", evaluation_interval: "200ms" },
    rule_files: ruleFiles,
    scrape_configs: [{ job_name: "xrouter", static_configs: [{ targets: [new URL(gatewayUrl).host] }] }]
  }
  yield* Effect.orDie(fs.writeFileString(join(folder, "prometheus.yml"), JSON.stringify(configuration)))
  const url = `http://127.0.0.1:${yield* freePort}`
  const child = yield* startChild(
    prometheus,
    ["--config.file=prometheus.yml", "--storage.tsdb.path=data", `--web.listen-address=${new URL(url).host}`],
    { cwd: folder, environment: {} }
  )
  const get = (path: string) =>
    Effect.promise(async (signal) => {
      const response = await fetch(`${url}${path}`, { signal })
      return { isOk: response.ok, text: await response.text() }
    })
  yield* eventually(
    Effect.map(
      Effect.matchCause(Effect.andThen(Effect.sleep("50 millis"), get("/-/ready")), {
        onFailure: () => false,
        onSuccess: ({ isOk }) => isOk
      }),
      (isReady) => isReady
    )
  ).pipe(Effect.onError(() => Effect.sync(() => process.stderr.write(child.err()))))

  const api = (path: string) =>
    Effect.map(get(`/api/v1/${path}`), ({ text }) => {
      const answer = JSON.parse(text)
      if (answer.status !== "success") throw new Error(`${path}: ${text}`)
      return answer.data
    })
  return {
    url,
    api,
    query: (expression) =>
      Effect.map(api(`query?query=${encodeURIComponent(expression)}`), ({ result, resultType }) =>
        resultType === "scalar"
          ? [{ metric: {}, value: Number(result[1]) }]
          : result.map(({ metric, value }: { metric: Record<string, string>; value: [number, string] }) => ({
              metric,
              value: Number(value[1])
            }))
      )
  }
})
