/** Clients that ask for an endless stream and stop reading it: what the gateway then holds for them, and whether others notice. */
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { inspectable } from "./garbage.ts"
import { framingOf } from "./http-answer.ts"
import { path } from "./paths.ts"
import { type Started, startServer, stop } from "./processes.ts"
import { type Running, startXRouter } from "./servers.ts"
import type { OpenSite } from "./site.ts"
import { measureSlow, type SlowPlan, type SlowResult, usualSlow } from "./slow-streams.ts"
import { type Address, rawRequest } from "./traffic.ts"

/** What the endless upstream has been read of, and by how many at this moment. */
export interface HoseSays {
  readonly megabytes: number
  readonly open: number
}

/** What waits in the kernel, on connections of which something does. */
export interface Unread {
  readonly megabytes: number
  readonly connections: number
}

export interface DeafResult {
  readonly clients: number
  /** Of the same process, with nobody deaf yet. */
  readonly alone: SlowResult
  readonly beside: SlowResult
  /** Of the memory held, from when all streams are open beside the deaf clients until the end, as a share. */
  readonly growth: number
  /** MB that the upstream has sent. */
  readonly sent: number
  /** What of it the gateway has left unread, when all buffers were full and at the end. */
  readonly unreadWhenFull: Unread
  readonly unread: Unread
  /** Deaf clients for whom the upstream's stream was held open to the end. */
  readonly stillOpen: number
}

const clients = 200

/**
 * All of it is over before the gateway cuts off, after a minute, whoever takes nothing of a stream: nobody's place must be freed
 * meanwhile.
 */
const besideDeaf: SlowPlan = { ...usualSlow, millis: 30_000 }

/** For a gateway that is started with it: an upstream without end as one more provider. */
const startHose = async (folder: string) => {
  const hose = await startServer([path("hose.ts")], join(folder, "hose.log"))
  const config = join(folder, "hose.yaml")
  writeFileSync(
    config,
    `providers:\n  hose: { kind: openai, baseUrl: "http://127.0.0.1:${hose.port}/v1", apiKey: sk-bench }\n`
  )
  return { hose, config }
}

/** In a fresh process, which knows the key: at first the slow streams alone, then beside the deaf clients. */
export const measureDeaf = async (site: OpenSite, apiKey: string): Promise<DeafResult> => {
  const { config, hose } = await startHose(site.folder)
  const running = await startXRouter(site, "deaf", apiKey, inspectable, { XROUTER_CONFIG: config })
  const alone = await measureSlow(running, usualSlow)
  const deaf = await becomeDeaf(running)
  await untilFull(hose)
  const unreadWhenFull = unreadOf(hose.port)
  const beside = await measureSlow(running, besideDeaf)
  const unread = unreadOf(hose.port)
  const { megabytes: sent, open: stillOpen } = await said(hose)
  for (const socket of deaf) socket.destroy()
  for (const started of [running, hose]) await stop(started)
  return {
    clients,
    alone,
    beside,
    growth: beside.open / beside.opened - 1,
    sent,
    unreadWhenFull,
    unread,
    stillOpen
  }
}

const becomeDeaf = ({ target: { headers, port } }: Running): Promise<ReadonlyArray<Socket>> => {
  const address: Address = { headers, port, model: "hose/hose" }
  return Promise.all(Array.from({ length: clients }, () => readHead(address)))
}

/** Reads the head of the answer, and nothing from then on. */
const readHead = async (address: Address): Promise<Socket> => {
  const socket = connect({ host: "127.0.0.1", port: address.port, noDelay: true })
  await once(socket, "connect")
  socket.on("error", () => {})
  socket.write(rawRequest({ kind: "stream" }, address))
  let received = Buffer.alloc(0)
  for (;;) {
    const [bytes] = (await once(socket, "data")) as [Buffer]
    received = Buffer.concat([received, bytes])
    const framing = framingOf(received)
    if (framing === undefined) continue
    socket.pause()
    if (framing.head.startsWith("HTTP/1.1 200 ")) return socket
    throw new Error(`A client that was to become deaf was refused:\n${received.toString()}`)
  }
}

const said = async ({ child }: Started): Promise<HoseSays> => {
  const answer = once(child, "message")
  child.send("how much?")
  const [says] = (await answer) as [HoseSays]
  return says
}

/**
 * A gateway that reads on although nobody takes it would fill its memory: it is not waited for longer than this. With the time
 * that is measured it stays below the minute after which the gateway cuts off.
 */
const patienceMillis = 20_000
/** While the gateway is busy with the buffers of others it may well read nothing for a second, and go on then. */
const quietMillis = 3000

const untilFull = async (hose: Started): Promise<void> => {
  const start = performance.now()
  let last = await said(hose)
  for (let grown = start; performance.now() < start + patienceMillis && performance.now() < grown + quietMillis;) {
    await setTimeout(500)
    const now = await said(hose)
    if (now.megabytes > last.megabytes) grown = performance.now()
    last = now
  }
}

/** Of the connections to a port of this machine, at the end that opened them (Linux, `proc_net_tcp`: addresses and sizes in hexadecimal). */
const unreadOf = (port: number): Unread => {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const sizes = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , address]) => address?.endsWith(remote) === true)
    .map(([, , , , queues = ":0"]) => Number.parseInt(queues.slice(queues.indexOf(":") + 1), 16))
    .filter((size) => size > 0)
  return { megabytes: sizes.reduce((sum, size) => sum + size, 0) / 2 ** 20, connections: sizes.length }
}
