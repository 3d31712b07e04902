/** `npm run bench`: what a request through XRouter costs, as a multiple of what it costs through a bare proxy. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type Gateway, ownBundle, startGateway, type Stores } from "./gateway.ts"
import { memory, startServer, stopAll } from "./processes.ts"
import { machine, memoryTable, section } from "./report.ts"
import { measure, type Plan, type Result, type Target, type Workload } from "./slices.ts"

/** CPU of a JSON request at 64 connections, to the bare proxy's: above it the run fails. */
const budget = 3

const usage = `Usage: npm run bench -- [--quick | --full] [--embedded] [--entry <file> | --noise]
  --quick   under a minute: fewer rounds
  --full    also 1 and 16 connections, and more rounds
  --embedded  with the stores of a first start, PGlite and a limiter in memory, in place of PostgreSQL and Redis
  --entry   another build of the gateway than dist/main.js
  --noise   the bare proxy against itself: differences that this machine cannot tell from none
`

// A gateway runs for days: until V8 has compiled its way (some ten seconds), its compiler threads cost up to a quarter more.
const quick: Plan = { rounds: 5, sliceMillis: 1000, warmUpMillis: 6000 }
const usual: Plan = { rounds: 12, sliceMillis: 1000, warmUpMillis: 15_000 }
const full: Plan = { rounds: 20, sliceMillis: 1000, warmUpMillis: 15_000 }

const busy: ReadonlyArray<Workload> = [
  { kind: "json", connections: 64 },
  { kind: "stream", connections: 64 }
]
const quiet: ReadonlyArray<Workload> = [
  { kind: "json", connections: 1 },
  { kind: "json", connections: 16 }
]

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    entry: { type: "string", default: ownBundle },
    embedded: { type: "boolean", default: false },
    noise: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

const print = (text: string) => process.stdout.write(`${text}\n`)
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url))

const bench = async (folder: string): Promise<ReadonlyArray<string>> => {
  const plan = options.full ? full : options.quick ? quick : usual
  print(`# XRouter against a bare proxy\n\n${machine()}; ${plan.rounds} rounds of ${plan.sliceMillis / 1000} s`)

  const upstream = await startServer([script("upstream.ts")], join(folder, "upstream.log"))
  const proxy = (name: string) =>
    startServer([script("raw-proxy.ts"), `http://127.0.0.1:${upstream.port}`], join(folder, name))
  const raw = await proxy("raw.log")
  const stores =
    options.noise || options.embedded
      ? undefined
      : await startServer<Stores>([script("stores.ts")], join(folder, "stores.log"))
  const gateway = options.noise ? undefined : await startGateway(options.entry, upstream.port, folder, stores)
  const compared = gateway ?? (await proxy("raw-again.log"))
  const targets: ReadonlyArray<Target> = [
    { name: "bare proxy", apiKey: "none", ...raw },
    { name: gateway === undefined ? "bare proxy again" : "XRouter", apiKey: "none", ...compared }
  ]
  const idle = targets.map(({ pid }) => memory(pid).now)

  const results: Array<Result> = []
  for (const workload of [...busy, ...(options.full ? quiet : [])]) {
    const measured = await measure(targets, workload, plan)
    results.push(...measured)
    print(section(measured))
  }
  print(
    memoryTable(targets.map(({ name, pid }, index) => ({ name, idle: idle[index] ?? 0, highest: memory(pid).highest })))
  )
  const ceiling = await ceilingOf({ name: "upstream", apiKey: "none", ...upstream })
  print(ceiling)
  return [...faultsOf(results), ...(gateway === undefined ? [] : await uncounted(gateway, results))]
}

/** What upstream and load generator reach without a proxy between them, and the upstream's share of the work. */
const ceilingOf = async (upstream: Target): Promise<string> => {
  const plan = { rounds: 1, sliceMillis: 1000, warmUpMillis: 500 }
  const rates: Array<string> = []
  for (const workload of busy) {
    const [result] = await measure([upstream], workload, plan)
    const what = workload.kind === "json" ? "answers" : "streams"
    rates.push(`${result?.rate.median.toFixed(0)} ${what}/s at ${result?.cpu.median.toFixed(3)} ms of its CPU`)
  }
  return `Upstream and load generator alone: ${rates.join(", ")}`
}

const faultsOf = (results: ReadonlyArray<Result>): ReadonlyArray<string> =>
  results.flatMap(({ cpuRatio, errors, firstError, target, workload }) => [
    ...(errors > 0 ? [`${target.name}: ${errors} errors, the first: ${firstError}`] : []),
    // A ratio that is no number passes no budget.
    ...(workload.kind === "json" && workload.connections === 64 && !(cpuRatio.median <= budget)
      ? [`${target.name}: ${cpuRatio.median.toFixed(2)} times the bare proxy's CPU, over the budget of ${budget}`]
      : [])
  ])

/** Each request that was answered must stand in the gateway's own books: it was measured with metrics and log on. */
const uncounted = async (gateway: Gateway, results: ReadonlyArray<Result>): Promise<ReadonlyArray<string>> => {
  // And the one by which the limits were proved.
  const sent = results.reduce((sum, { answers, target }) => sum + (target.pid === gateway.pid ? answers : 0), 1)
  const { logLines, metrics } = await gateway.counted()
  print(`XRouter answered ${sent} requests; its metrics tell ${metrics}, its log ${logLines}`)
  // What was answered with an error need not be a request of a provider; the error is told already.
  const isClean = results.every(({ errors }) => errors === 0)
  return !isClean || (metrics === sent && logLines === sent) ? [] : ["XRouter's metrics or log missed requests"]
}

if (options.help) {
  print(usage)
  process.exit()
}
const folder = mkdtempSync(join(tmpdir(), "xrouter-bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
try {
  const faults = await bench(folder)
  for (const fault of faults) print(`FAILED: ${fault}`)
  process.exitCode = faults.length > 0 ? 1 : 0
} catch (error) {
  print(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await stopAll()
}
