import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Ledger } from "../../src/ledger/Ledger.ts"
import { layerServer } from "../../src/storage/Database.ts"
import { startPostgres } from "../support/Postgres.ts"
import { migrated } from "../support/TestDatabase.ts"
import { journalLines, layerLedger, temporaryFolder } from "./calls.ts"

const script = fileURLToPath(new URL("endlessCalls.ts", import.meta.url))

/** Lets a process make calls, and kills it when it has said so many; answers the calls that it was allowed to make. */
const killAfter = (count: number, dataDir: string, url: string) =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, [script, dataDir, url], { stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    let err = ""
    child.stderr.on("data", (chunk) => (err += chunk))
    child.stdout.on("data", (chunk) => {
      out += chunk
      if (idsIn(out).length >= count) child.kill("SIGKILL")
    })
    await once(child, "close")
    assert.strictEqual(child.signalCode, "SIGKILL", err)
    return idsIn(out)
  })

const idsIn = (text: string) => text.split("\n").filter((line) => /^req_[0-9a-f]{32}$/.test(line))

const states = Effect.gen(function* () {
  yield* (yield* Ledger).flush
  const sql = yield* SqlClient
  const rows = yield* sql<{ request_id: string; status: string; tokens: number | null; cost: string | null }>`
    SELECT request_id, status, tokens_prompt AS tokens, cost_micros::text AS cost FROM usage`
  return new Map(rows.map(({ request_id, ...row }) => [request_id, row]))
})

describe("a killed process", () => {
  for (const [name, isAway] of [
    ["has one row for each call that it was allowed to make, when its folder is opened again", false],
    ["loses none either where the database was away all the time", true]
  ] as const) {
    it.live(
      name,
      () =>
        Effect.gen(function* () {
          const server = yield* startPostgres
          const database = Layer.orDie(layerServer(Redacted.make(server.url("postgres"))))
          yield* Effect.void.pipe(Effect.provide(migrated(database)))
          const dataDir = yield* temporaryFolder
          if (isAway) yield* server.kill
          // A process after the other, the last one killed while it still told of what the ones before had left.
          const admitted: Array<string> = []
          for (const count of [500, 1, 1200]) {
            admitted.push(...(yield* killAfter(count, dataDir, server.url("postgres"))))
          }
          if (isAway) yield* server.restart

          const told = yield* Effect.provide(states, layerLedger(database, dataDir))
          assert.isAtLeast(admitted.length, 1700)
          assert.deepStrictEqual(
            admitted.filter((id) => !told.has(id)),
            []
          )
          // A few were on the disk, and the process died before it could say so.
          assert.isAtMost(told.size - admitted.length, 3 * 50)
          const count = { completed: 0, interrupted: 0 }
          for (const [id, { cost, status, tokens }] of told) {
            assert.isTrue(status === "completed" || status === "interrupted", `${id} is ${status}`)
            if (status === "completed") {
              count.completed += 1
              assert.deepStrictEqual([tokens, cost], [100, "26000"])
            } else {
              count.interrupted += 1
              assert.deepStrictEqual([tokens, cost], [null, null])
            }
          }
          assert.isAbove(count.completed, 500)
          assert.isAbove(count.interrupted, 1000)
          assert.deepStrictEqual(journalLines(dataDir), [])
          assert.throws(() => readFileSync(`${dataDir}/usage/refused.jsonl`))
        }),
      60_000
    )
  }
})
