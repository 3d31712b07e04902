/** The run: XRouter, and whoever else is asked for, against the bare proxy. */
import { join } from "node:path"
import { about, watchOthers } from "./about.ts"
import { askedAndMeasured } from "./asked.ts"
import { type DeafResult, measureDeaf } from "./deaf-clients.ts"
import { grantKey, startGateway } from "./gateway.ts"
import { inspectable } from "./garbage.ts"
import { installPortkey, startPortkey } from "./portkey.ts"
import { memory, stop } from "./processes.ts"
import { deafSection, memorySection, section, slowSection, startSection } from "./report.ts"
import { compareBooks, type OpenSite, openSite, type SiteOptions } from "./site.ts"
import { measure, type Plan, type Result, type Workload } from "./slices.ts"
import { measureSlow, type SlowResult, usualSlow } from "./slow-streams.ts"
import { measureStartUp } from "./start-up.ts"
import { type Running, startRaw, startXRouter } from "./servers.ts"
import { names, type Target, xrouterTargets } from "./targets.ts"
import { busyJson, busyStreams, firstToken, otherJson, quietJson } from "./workloads.ts"

export interface Extent {
  readonly plan: Plan
  /** Only what costs CPU at 64 connections. */
  readonly isQuick: boolean
  /** All counts of connections. */
  readonly isFull: boolean
  readonly withPortkey: boolean
  readonly slowRounds: number
  readonly starts: number
}

export interface Comparison {
  /** The report, as it goes into the page. */
  readonly text: string
  readonly faults: ReadonlyArray<string>
}

/** CPU of a JSON request at 64 connections, to the bare proxy's: above it the run fails. */
const budget = 3

const noiseName = "bare proxy again"
const budgeted: ReadonlySet<string> = new Set([names.xrouter, noiseName])

/** Once a process is warm, another kind of request only has to find its own way. */
const briefWarmUp = 1000

export const compare = async (
  options: SiteOptions,
  extent: Extent,
  print: (text: string) => void
): Promise<Comparison> => {
  const { isFull, isQuick, plan, slowRounds, starts, withPortkey } = extent
  const portkeyVersion = withPortkey ? installPortkey() : undefined
  const others = await watchOthers()
  const site = await openSite(options)
  const versions = [...site.versions, ...(portkeyVersion === undefined ? [] : [`Portkey ${portkeyVersion}`])]
  const parts: Array<string> = []
  const tell = (part: string) => {
    parts.push(part)
    print(`${part}\n`)
  }
  tell(`${about(versions, others)} Rounds: ${plan.rounds}, of ${plan.sliceMillis / 1000} s for each server.`)

  const raw = await startRaw(site.upstream, join(options.folder, "raw.log"))
  const gateway = await startGateway(site, "main")
  const apiKey = await grantKey(gateway, site)
  const { gigaChat, openAi, yandexGpt } = xrouterTargets(gateway, apiKey)
  const portkey = withPortkey ? [await startPortkey(site.upstream, join(options.folder, "portkey.log"))] : []
  const peers = portkey.map(({ target }) => target)
  const one = [raw.target, openAi, ...peers]
  const all = [raw.target, openAi, gigaChat, yandexGpt, ...peers]
  const idle = one.map(({ name, pid }) => ({ name, pid, idle: memory(pid).now }))

  const results: Array<Result> = []
  const run = async (targets: ReadonlyArray<Target>, workload: Workload, warmUpMillis = briefWarmUp) => {
    const measured = await measure(targets, workload, { ...plan, warmUpMillis })
    results.push(...measured)
    tell(section(measured))
  }
  await run(isQuick ? one : all, busyJson, plan.warmUpMillis)
  await run(all, busyStreams, plan.warmUpMillis / 2)
  if (!isQuick) {
    for (const workload of [quietJson, ...(isFull ? otherJson : [])]) await run(one, workload)
    await run(all, firstToken)
  }
  tell(memorySection(idle.map(({ pid, ...rest }) => ({ ...rest, highest: memory(pid).highest }))))
  const sent = results.reduce((sum, { answers, target }) => sum + (target.pid === gateway.pid ? answers : 0), 0)
  // And the one by which the limits were proved.
  const books = await compareBooks(gateway, sent + 1)
  for (const running of [gateway, raw, ...portkey]) await stop(running)

  const slow = isQuick ? [] : await slowStreams(site, apiKey, slowRounds, withPortkey)
  if (slow.length > 0) tell(slowSection(slow))
  const deaf = isFull ? await measureDeaf(site, apiKey) : undefined
  if (deaf !== undefined) tell(deafSection(deaf))
  const startUp = isQuick ? undefined : await measureStartUp(site, starts)
  if (startUp !== undefined) tell(startSection(startUp))

  const ceiling = await ceilingOf(site.upstreamTarget)
  tell(`## Checks of the run\n\n${books.told} ${ceiling} ${others.told()}`)
  const targets = `## Asked and measured\n\n${askedAndMeasured({ results, slow, deaf, startUp })}`
  print(targets)

  const faults = [...faultsOf(results), ...faultsOfSlow(slow), ...faultsOfDeaf(deaf)]
  // What was answered with an error need not be a request of a provider; the error is told already.
  const missed = books.isRight || faults.length > 0 ? [] : ["XRouter's metrics or log missed requests"]
  const [first = "", ...rest] = parts
  return { text: [first, targets, ...rest].join("\n\n"), faults: [...faults, ...missed] }
}

/** The bare proxy against itself: differences that this machine cannot tell from none. */
export const compareNoise = async (
  options: SiteOptions,
  plan: Plan,
  print: (text: string) => void
): Promise<ReadonlyArray<string>> => {
  const { upstream, upstreamTarget } = await openSite({ ...options, isEmbedded: true })
  const [raw, again] = [
    await startRaw(upstream, join(options.folder, "raw.log")),
    await startRaw(upstream, join(options.folder, "raw-again.log"), { name: noiseName })
  ]
  const results: Array<Result> = []
  for (const workload of [busyJson, busyStreams, quietJson, firstToken]) {
    const measured = await measure([raw.target, again.target], workload, plan)
    results.push(...measured)
    print(`${section(measured)}\n`)
  }
  print(await ceilingOf(upstreamTarget))
  return faultsOf(results)
}

/** Each in a fresh process, one after the other; of several rounds the one in the middle by memory. */
const slowStreams = async (
  site: OpenSite,
  apiKey: string,
  rounds: number,
  withPortkey: boolean
): Promise<ReadonlyArray<SlowResult>> => {
  const starters: ReadonlyArray<(round: number) => Promise<Running>> = [
    (round) => startRaw(site.upstream, join(site.folder, `raw-${round}.log`), { nodeOptions: inspectable }),
    (round) => startXRouter(site, `slow-${round}`, apiKey, inspectable),
    ...(withPortkey
      ? [(round: number) => startPortkey(site.upstream, join(site.folder, `portkey-${round}.log`), inspectable)]
      : [])
  ]
  const measured: Array<Array<SlowResult>> = starters.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, start] of starters.entries()) {
      const running = await start(round)
      measured[index]?.push(await measureSlow(running, usualSlow))
      await stop(running)
    }
  }
  return measured.flatMap((of) => {
    const errors = of.reduce((sum, one) => sum + one.errors, 0)
    const firstError = of.find((one) => one.firstError !== undefined)?.firstError
    const middle = of.toSorted((a, b) => a.kilobytesPerStream - b.kilobytesPerStream)[Math.floor(of.length / 2)]
    return middle === undefined ? [] : [{ ...middle, errors, firstError }]
  })
}

/** What upstream and load generator reach without a proxy between them, and the upstream's share of the work. */
const ceilingOf = async (upstream: Target): Promise<string> => {
  const rates: Array<string> = []
  for (const workload of [busyJson, busyStreams]) {
    const [result] = await measure([upstream], workload, { rounds: 1, sliceMillis: 700, warmUpMillis: 300 })
    const what = workload === busyJson ? "answers" : "streams"
    rates.push(`${result?.rate.median.toFixed(0)} ${what}/s at ${result?.cpu.median.toFixed(3)} ms of its CPU`)
  }
  return `Upstream and load generator alone: ${rates.join(", ")}.`
}

const faultsOf = (results: ReadonlyArray<Result>): ReadonlyArray<string> =>
  results.flatMap(({ cpuRatio, errors, firstError, target, workload }) => [
    ...(errors > 0 ? [`${target.name}, ${workload.title}: ${errors} errors, the first: ${firstError}`] : []),
    // A ratio that is no number passes no budget.
    ...(workload === busyJson && budgeted.has(target.name) && !(cpuRatio.median <= budget)
      ? [`${target.name}: ${cpuRatio.median.toFixed(2)} times the bare proxy's CPU, over the budget of ${budget}`]
      : [])
  ])

const faultsOfSlow = (slow: ReadonlyArray<SlowResult>): ReadonlyArray<string> =>
  slow.flatMap(({ errors, firstError, target }) =>
    errors > 0 ? [`${target.name}, slow streams: ${errors} errors, the first: ${firstError}`] : []
  )

/** A stream that was cut off would have freed what it held. */
export const faultsOfDeaf = (deaf: DeafResult | undefined): ReadonlyArray<string> =>
  deaf === undefined
    ? []
    : [
        ...faultsOfSlow([deaf.alone, deaf.beside]),
        ...(deaf.stillOpen === deaf.clients
          ? []
          : [`only ${deaf.stillOpen} of ${deaf.clients} deaf clients had their stream to the end`]),
        // Else the gateway would have read on, and the growth of its memory would tell nothing.
        ...(deaf.unread.connections === deaf.clients
          ? []
          : [
              `of only ${deaf.unread.connections} of ${deaf.clients} deaf clients' streams the gateway had left something unread`
            ])
      ]
