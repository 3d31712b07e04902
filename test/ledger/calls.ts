import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Context, Effect, FileSystem, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { randomUUID } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { Journal } from "../../src/ledger/Journal.ts"
import { type CallBegun, type CallEnded, Ledger } from "../../src/ledger/Ledger.ts"
import { Pricing } from "../../src/ledger/Pricing.ts"
import { UsageReports } from "../../src/ledger/UsageReports.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { alias } from "../support/ScriptedProvider.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

/** Two models with a price, in two currencies; all others have none. */
export const models: SettingsValue["models"] = new Map([
  [
    "smart",
    alias(["gigachat/GigaChat-2-Max"], {
      price: { input: "0.20", output: "0.6", cachedInput: "0.05", currency: "RUB", per: 1000 }
    })
  ],
  [
    "tiny",
    alias(["openai/gpt-test"], {
      price: { input: "0.15", output: "0.60", cachedInput: undefined, currency: "USD", per: 1_000_000 }
    })
  ]
])

export const temporaryFolder = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "xrouter-ledger-" })
).pipe(Effect.orDie, Effect.provide(NodeFileSystem.layer))

/** A ledger, and what it stands on, over a database that has the tables. */
export const layerLedger = <A, E, R>(
  database: Layer.Layer<A | SqlClient, E, R>,
  dataDir: string,
  settings: Partial<SettingsValue> = {}
) =>
  Ledger.layerNoDeps.pipe(
    Layer.provideMerge([Journal.layer, Pricing.layer, UsageReports.layer, Metrics.layer]),
    Layer.provideMerge(database),
    Layer.provide([layerTestSettings({ dataDir, models, ...settings }), NodeFileSystem.layer])
  )

/** The data folder of a ledger that a test did not choose. */
export class Place extends Context.Service<Place, string>()("test/Place") {}

/** The same in a folder of its own. */
export const layerLedgerSomewhere = <A, E, R>(database: Layer.Layer<A | SqlClient, E, R>) =>
  Layer.unwrap(
    Effect.map(temporaryFolder, (dataDir) => Layer.merge(layerLedger(database, dataDir), Layer.succeed(Place, dataDir)))
  )

export const begun = (more: Partial<CallBegun> = {}): CallBegun => ({
  requestId: `req_${randomUUID().replaceAll("-", "")}`,
  id: `chatcmpl-${randomUUID().replaceAll("-", "")}`,
  userId: "user_1",
  keyId: "key_1",
  model: "gigachat/GigaChat-2-Max",
  provider: "gigachat",
  providerModel: "GigaChat-2-Max",
  streamed: false,
  ...more
})

export const ended = (more: Partial<CallEnded> = {}): CallEnded => ({
  status: "completed",
  provider: "gigachat",
  providerModel: "GigaChat-2-Max",
  finishReason: "stop",
  usage: { promptTokens: 100, completionTokens: 20, cachedTokens: 40, reasoningTokens: 5 },
  estimated: false,
  latencyMillis: 812.4,
  firstTokenMillis: 120.6,
  attempts: [],
  ...more
})

export interface UsageRow {
  readonly request_id: string
  readonly status: string
  readonly tokens_prompt: number | null
  readonly cost: string | null
}

export const rowsOf = (ids: ReadonlyArray<string>) =>
  Effect.flatMap(
    SqlClient,
    (sql) => sql<UsageRow>`
      SELECT request_id, status, tokens_prompt, cost_micros::text AS cost FROM usage
      WHERE request_id = ANY (${ids}::text[]) ORDER BY created_at, request_id`
  )

/** The lines in the files of a journal. */
export const journalLines = (dataDir: string): ReadonlyArray<string> =>
  readdirSync(`${dataDir}/usage`)
    .filter((name) => /^\d+\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => readFileSync(`${dataDir}/usage/${name}`, "utf8").split("\n"))
    .filter((line) => line !== "")
