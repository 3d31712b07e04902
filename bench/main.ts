/** `npm run bench`: what a request through XRouter costs, as a multiple of what it costs through a bare proxy. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { about, watchOthers } from "./about.ts"
import { askedAndMeasured } from "./asked.ts"
import { compare, compareNoise, type Extent, faultsOfDeaf } from "./compare.ts"
import { measureDeaf } from "./deaf-clients.ts"
import { grantKey, ownBundle, startGateway } from "./gateway.ts"
import { type Block, writeBlock } from "./page.ts"
import { stop, stopAll } from "./processes.ts"
import { deafSection, soakSection, stepsTable } from "./report.ts"
import { openSite, type SiteOptions } from "./site.ts"
import { measureSoak } from "./soak.ts"
import { xrouterTargets } from "./targets.ts"

const usage = `Usage: npm run bench -- [--quick | --full] [--portkey] [--write] [--embedded] [--entry <file>]
       npm run bench -- --deaf | --soak <minutes> | --dialects | --noise  [--write]
  --quick     under a minute: JSON and streams at 64 connections
  --full      all counts of connections, Portkey, clients that stop reading, and more rounds
  --portkey   Portkey's gateway beside them; npm installs it when it is not there
  --deaf      500 slow streams beside 200 clients that stop reading theirs: memory, and the delay of the others' chunks
  --soak      half load and a hundred slow streams for so long: memory and event-loop lag
  --dialects  what each step of a dialect costs by itself
  --noise     the bare proxy against itself: differences that this machine cannot tell from none
  --write     also writes the results into docs/performance.md
  --rounds    another number of rounds
  --embedded  with the stores of a first start, PGlite and a limiter in memory, in place of PostgreSQL and Redis
  --entry     another build of the gateway than dist/main.js
`

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    portkey: { type: "boolean", default: false },
    deaf: { type: "boolean", default: false },
    soak: { type: "string" },
    dialects: { type: "boolean", default: false },
    noise: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    rounds: { type: "string" },
    entry: { type: "string", default: ownBundle },
    embedded: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

const above0 = (name: string, text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not "${text}"`)
  return value
}

/** Rounds where none are asked for. */
const rounds = (otherwise: number): number =>
  options.rounds === undefined ? otherwise : Math.ceil(above0("rounds", options.rounds))

// A gateway runs for days: until V8 has compiled its way (some ten seconds), its compiler threads cost up to a quarter more.
const extent = (): Extent => {
  const { full: isFull, quick: isQuick } = options
  return {
    plan: isQuick
      ? { rounds: rounds(5), sliceMillis: 700, warmUpMillis: 5000 }
      : { rounds: rounds(isFull ? 20 : 12), sliceMillis: 1000, warmUpMillis: 15_000 },
    isQuick,
    isFull,
    withPortkey: options.portkey || isFull,
    slowRounds: isFull ? 3 : 1,
    starts: isFull ? 11 : 5
  }
}

const print = (text: string) => process.stdout.write(`${text}\n`)

const write = (block: Block, text: string) => {
  if (options.write) writeBlock(block, text)
}

const runComparison = async (site: SiteOptions): Promise<ReadonlyArray<string>> => {
  const { faults, text } = await compare(site, extent(), print)
  write("comparison", text)
  return faults
}

const runDeaf = async (site: SiteOptions): Promise<ReadonlyArray<string>> => {
  const others = await watchOthers()
  const opened = await openSite(site)
  const where = about(opened.versions, others)
  const gateway = await startGateway(opened, "deaf")
  const apiKey = await grantKey(gateway, opened)
  await stop(gateway)
  const deaf = await measureDeaf(opened, apiKey)
  const text = [where, askedAndMeasured({ deaf }), deafSection(deaf), others.told()].join("\n\n")
  print(text)
  write("deaf", text)
  return faultsOfDeaf(deaf)
}

const runSoak = async (site: SiteOptions, minutes: number): Promise<ReadonlyArray<string>> => {
  const others = await watchOthers()
  const opened = await openSite(site)
  const where = about(opened.versions, others)
  const gateway = await startGateway(opened, "soak")
  const { openAi } = xrouterTargets(gateway, await grantKey(gateway, opened))
  const soak = await measureSoak(gateway, openAi, minutes, ({ cores, lagP99, minute, resident }) =>
    print(`${minute.toFixed(1)} min: ${resident.toFixed(0)} MB, ${cores.toFixed(2)} cores, lag ${lagP99.toFixed(1)} ms`)
  )
  const text = [where, askedAndMeasured({ soak }), soakSection(soak), others.told()].join("\n\n")
  print(`\n${text}`)
  write("soak", text)
  return [soak.json, soak.paced].flatMap(({ errors, firstError }) =>
    errors > 0 ? [`${errors} errors, the first: ${firstError}`] : []
  )
}

const runDialects = async (): Promise<ReadonlyArray<string>> => {
  const where = about([], await watchOthers())
  // Only this needs the sources of the gateway.
  const { measureSteps } = await import("./dialect-steps.ts")
  const text = `${where} Nanoseconds of CPU, median [IQR].\n\n${stepsTable(measureSteps(rounds(15), 150))}`
  print(text)
  write("dialects", text)
  return []
}

const run = (folder: string): Promise<ReadonlyArray<string>> => {
  const site = { folder, bundle: options.entry, isEmbedded: options.embedded }
  if (options.dialects) return runDialects()
  if (options.deaf) return runDeaf(site)
  if (options.soak !== undefined) return runSoak(site, above0("soak", options.soak))
  if (options.noise) return compareNoise(site, extent().plan, print)
  return runComparison(site)
}

if (options.help) {
  print(usage)
  process.exit()
}
const folder = mkdtempSync(join(tmpdir(), "xrouter-bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
try {
  const faults = await run(folder)
  for (const fault of faults) print(`FAILED: ${fault}`)
  process.exitCode = faults.length > 0 ? 1 : 0
} catch (error) {
  print(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await stopAll()
}
