/** XRouter as it runs in production: the bundle, its own store, keys, limits, metrics and the log on. */
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { createReadStream, existsSync, mkdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { tokenPath } from "./dialects.ts"
import { start, type Started } from "./processes.ts"
import { requestBody } from "./traffic.ts"

/** The bundle of this checkout. */
export const ownBundle = fileURLToPath(new URL("../dist/main.js", import.meta.url))

/** Set, so that the limiter does its work; so high that no request is refused. */
const limits = { rpm: 100_000_000, rpd: 1_000_000_000, concurrency: 10_000 }

export interface Stores {
  readonly databaseUrl: string
  readonly redisUrl: string
}

/** What every XRouter of a run has in common. */
export interface Site {
  readonly bundle: string
  /** The upstream's port. */
  readonly upstream: number
  readonly folder: string
  /** Without them a gateway keeps its own: PGlite, and a limiter in memory. */
  readonly stores: Stores | undefined
  readonly secrets: Readonly<Record<"XROUTER_ADMIN_KEY" | "XROUTER_JWT_SECRETS", string>>
}

export const newSecrets = (): Site["secrets"] => ({
  XROUTER_ADMIN_KEY: randomBytes(24).toString("hex"),
  XROUTER_JWT_SECRETS: `bench:${randomBytes(32).toString("base64")}`
})

export interface Gateway extends Started {
  readonly port: number
  readonly origin: string
  /** From the start of its process until it said that it was ready. */
  readonly readyMillis: number
}

/** Of one name is one data folder: what an earlier start left there is found again. */
export const startGateway = async (
  site: Site,
  name: string,
  nodeOptions: ReadonlyArray<string> = [],
  more: Readonly<Record<string, string>> = {}
): Promise<Gateway> => {
  if (!existsSync(site.bundle)) throw new Error(`${site.bundle} is missing: npm run build makes it`)
  const own = join(site.folder, name)
  mkdirSync(own, { recursive: true })
  const logFile = join(own, "xrouter.log")
  const port = await freePort()
  const env = { ...environment(site, port, join(own, "data")), ...more }
  const startedAt = performance.now()
  const started = await start([...nodeOptions, site.bundle], { logFile, env })
  const origin = `http://127.0.0.1:${port}`
  await ready(origin, started, logFile)
  return { ...started, port, origin, readyMillis: performance.now() - startedAt }
}

const environment = (
  { secrets, stores, upstream }: Site,
  port: number,
  dataFolder: string
): Record<string, string> => ({
  NODE_ENV: "production",
  XROUTER_PORT: String(port),
  XROUTER_DATA_DIR: dataFolder,
  XROUTER_LOG_FORMAT: "json",
  ...secrets,
  ...(stores === undefined ? {} : { DATABASE_URL: stores.databaseUrl, REDIS_URL: stores.redisUrl }),
  OPENAI_BASE_URL: `http://127.0.0.1:${upstream}/v1`,
  OPENAI_API_KEY: "sk-bench",
  GIGACHAT_BASE_URL: `http://127.0.0.1:${upstream}/gigachat/v1`,
  GIGACHAT_AUTH_URL: `http://127.0.0.1:${upstream}${tokenPath}`,
  GIGACHAT_CREDENTIALS: Buffer.from("bench:bench").toString("base64"),
  YANDEX_BASE_URL: `http://127.0.0.1:${upstream}/yandexgpt`,
  YANDEX_API_KEY: "bench",
  YANDEX_FOLDER_ID: "b1gbench"
})

/** An API key of its own user, with limits that are proved to be on. */
export const grantKey = async ({ origin }: Gateway, { secrets }: Site): Promise<string> => {
  const admin = (path: string, body: object) =>
    post(`${origin}/admin/v1/${path}`, secrets.XROUTER_ADMIN_KEY, JSON.stringify(body))
  const user = await admin("users", { email: "bench@example.com" })
  const created = await admin("keys", { user_id: user.body["id"], name: "bench", limits })
  const apiKey = created.body["key"]
  if (typeof apiKey !== "string") throw new Error("The admin API gave no key")
  await proveLimits(origin, apiKey)
  return apiKey
}

/** Chat requests since its start, by its own metrics and by its own log. */
export const counted = async (gateway: Gateway): Promise<{ readonly metrics: number; readonly logLines: number }> => {
  // Log lines leave the process a moment later.
  await setTimeout(500)
  const metrics = sumOf(await exposition(gateway), "xrouter_requests_total")
  return { metrics, logLines: await occurrences(gateway.logFile, '"route":"/v1/chat/completions"') }
}

/** What a gateway tells Prometheus. */
export const exposition = async ({ origin }: Gateway): Promise<string> =>
  (await fetch(`${origin}/metrics`, { signal: AbortSignal.timeout(10_000) })).text()

/** The sum of all series of a metric. */
export const sumOf = (exposed: string, name: string): number =>
  exposed
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  return typeof address === "object" && address !== null ? address.port : 0
}

/** The first start makes the embedded database, which takes seconds; others are timed, so it is asked often. */
const ready = async (origin: string, { child }: Started, logFile: string): Promise<void> => {
  const until = Date.now() + 60_000
  while (Date.now() < until && child.exitCode === null) {
    const answer = await fetch(`${origin}/health/ready`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    if (answer?.status === 200) return
    await setTimeout(10)
  }
  throw new Error(`XRouter is not ready:\n${readFileSync(logFile, "utf8").slice(-4000)}`)
}

const post = async (url: string, bearer: string, body: string) => {
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" }
  const answer = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`POST ${url}: ${answer.status} ${text}`)
  return { headers: answer.headers, body: JSON.parse(text) as Record<string, unknown> }
}

/** A benchmark of a gateway that had its limits off would flatter it. */
const proveLimits = async (origin: string, apiKey: string): Promise<void> => {
  const body = requestBody({ kind: "json" }, "openai/bench-1")
  const { headers } = await post(`${origin}/v1/chat/completions`, apiKey, body)
  const limit = headers.get("x-ratelimit-limit-requests")
  if (limit !== String(limits.rpm)) throw new Error(`The limits are not on: x-ratelimit-limit-requests is ${limit}`)
}

/** How often a text stands in a file, which may be larger than memory. */
const occurrences = async (file: string, text: string): Promise<number> => {
  let count = 0
  let kept = Buffer.alloc(0)
  for await (const bytes of createReadStream(file)) {
    const all = Buffer.concat([kept, bytes as Buffer])
    for (let at = all.indexOf(text); at !== -1; at = all.indexOf(text, at + text.length)) count += 1
    kept = all.subarray(Math.max(0, all.length - text.length + 1))
  }
  return count
}
