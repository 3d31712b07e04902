import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import { LogOptions } from "../../src/telemetry/LogOptions.ts"
import { LogOutput } from "../../src/telemetry/LogOutput.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { RequestLog } from "../../src/telemetry/RequestLog.ts"
import { readExposition } from "../telemetry/exposition.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")
const page = read("docs/observability.md")
const section = (title: string) => page.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? ""
const rowsOf = (title: string) => Array.from(section(title).matchAll(/^\| `(\w+)` \|/gm), ([, name]) => name ?? "")

describe("docs/observability.md", () => {
  it.effect("tells of each metric, with its type, and of no other", () =>
    Effect.gen(function* () {
      const sources = ["telemetry/Metrics", "telemetry/ProcessMetrics", "cluster/Gathering"]
        .map((file) => read(`src/${file}.ts`))
        .join("")
      const named = new Set(Array.from(sources.matchAll(/"(xrouter_\w+)"/g), ([, name]) => name ?? ""))
      assert.deepStrictEqual(rowsOf("Metrics").toSorted(), [...named].toSorted())
      const { types } = readExposition(yield* (yield* Metrics).render)
      assert.isAtLeast(types.size, 10)
      for (const [name, type] of types) assert.include(page, `| \`${name}\` | ${type} |`)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it("tells of each alert: how grave, after how long, on what, and what to do", () => {
    const { groups }: { groups: ReadonlyArray<{ rules: ReadonlyArray<Record<string, string>> }> } = parse(
      read("ops/prometheus/rules/alerts.yml")
    )
    const rules = groups.flatMap((group) => group.rules)
    const told = new Map(
      section("Alerts")
        .split(/^### /m)
        .slice(1)
        .map((part) => [part.split("\n", 1).join(), part] as const)
    )
    assert.deepStrictEqual(
      [...told.keys()],
      rules.map(({ alert }) => alert)
    )
    for (const { alert = "", expr = "", for: lasting = "" } of rules) {
      assert.include(told.get(alert), `\`${expr}\``)
      assert.include(told.get(alert), lasting === "0m" ? "at once" : `after ${lasting}`)
      assert.isAtLeast(told.get(alert)?.split("\n\n")[2]?.length ?? 0, 60, alert)
    }
  })

  it.effect("tells of each field of the request log, and of no other", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const output = Layer.succeed(LogOutput, { write: (line: string) => void written.push(line) })
      const options = Layer.succeed(LogOptions, { format: "json", level: "info", worker: 1 })
      yield* Effect.map(RequestLog, (log) =>
        log.write({
          requestId: "req_1",
          traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
          method: "POST",
          route: "/v1/chat/completions",
          status: 502,
          stream: true,
          durationMillis: 2,
          ip: "10.0.0.7",
          code: "provider_error",
          reason: "provider_failed",
          cancelled: true,
          keyId: "key_1",
          userId: "user_1",
          model: "smart",
          provider: "openai",
          providerModel: "gpt",
          usage: { promptTokens: 1, completionTokens: 2, cachedTokens: 0, reasoningTokens: 0 },
          cost: "0.0002",
          currency: "RUB",
          overheadMillis: 1,
          firstTokenMillis: 1
        })
      ).pipe(Effect.provide(RequestLog.layerNoDeps.pipe(Layer.provide([output, options]))))
      assert.deepStrictEqual(rowsOf("Request log"), Object.keys(JSON.parse(written.join())))
    })
  )
})
