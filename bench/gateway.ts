/** XRouter as it runs in production: the bundle, its own store, keys, limits, metrics and the log on. */
import type { ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { once } from "node:events"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { start } from "./processes.ts"
import { requestBody } from "./traffic.ts"

/** The bundle of this checkout. */
export const ownBundle = fileURLToPath(new URL("../dist/main.js", import.meta.url))

/** Set, so that the limiter does its work; so high that no request is refused. */
const limits = { rpm: 100_000_000, rpd: 1_000_000_000, concurrency: 10_000 }

export interface Gateway {
  readonly pid: number
  readonly port: number
  readonly apiKey: string
  /** Chat requests since its start, by its own metrics and by its own log. */
  readonly counted: () => Promise<{ readonly metrics: number; readonly logLines: number }>
}

/** Without them the gateway keeps its own: PGlite, and a limiter in memory. */
export interface Stores {
  readonly databaseUrl: string
  readonly redisUrl: string
}

export const startGateway = async (
  bundle: string,
  upstream: number,
  folder: string,
  stores?: Stores
): Promise<Gateway> => {
  if (!existsSync(bundle)) throw new Error(`${bundle} is missing: npm run build makes it`)
  const port = await freePort()
  const adminKey = randomBytes(24).toString("hex")
  const logFile = join(folder, "xrouter.log")
  const { child, pid } = await start([bundle], {
    logFile,
    env: {
      NODE_ENV: "production",
      XROUTER_PORT: String(port),
      XROUTER_DATA_DIR: join(folder, "data"),
      XROUTER_ADMIN_KEY: adminKey,
      XROUTER_LOG_FORMAT: "json",
      ...(stores === undefined
        ? {}
        : {
            DATABASE_URL: stores.databaseUrl,
            REDIS_URL: stores.redisUrl,
            XROUTER_JWT_SECRETS: `bench:${randomBytes(32).toString("base64")}`
          }),
      OPENAI_BASE_URL: `http://127.0.0.1:${upstream}/v1`,
      OPENAI_API_KEY: "sk-bench"
    }
  })
  const origin = `http://127.0.0.1:${port}`
  await ready(origin, child, logFile)

  const admin = (path: string, body: object) => post(`${origin}/admin/v1/${path}`, adminKey, JSON.stringify(body))
  const user = await admin("users", { email: "bench@example.com" })
  const created = await admin("keys", { user_id: user.body["id"], name: "bench", limits })
  const apiKey = created.body["key"]
  if (typeof apiKey !== "string") throw new Error("The admin API gave no key")
  await proveLimits(origin, apiKey)

  return {
    pid,
    port,
    apiKey,
    counted: async () => {
      // Log lines leave the process a moment later.
      await setTimeout(500)
      return {
        metrics: sumOf(
          await (await fetch(`${origin}/metrics`, { signal: AbortSignal.timeout(10_000) })).text(),
          "xrouter_requests_total"
        ),
        logLines: occurrences(readFileSync(logFile), '"route":"/v1/chat/completions"')
      }
    }
  }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  return typeof address === "object" && address !== null ? address.port : 0
}

/** The first start makes the embedded database, which takes seconds. */
const ready = async (origin: string, child: ChildProcess, logFile: string): Promise<void> => {
  const until = Date.now() + 60_000
  while (Date.now() < until && child.exitCode === null) {
    const answer = await fetch(`${origin}/health/ready`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    if (answer?.status === 200) return
    await setTimeout(100)
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
  const { headers } = await post(`${origin}/v1/chat/completions`, apiKey, requestBody("json"))
  const limit = headers.get("x-ratelimit-limit-requests")
  if (limit !== String(limits.rpm)) throw new Error(`The limits are not on: x-ratelimit-limit-requests is ${limit}`)
}

/** The sum of all series of a metric. */
const sumOf = (exposition: string, name: string): number =>
  exposition
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)

const occurrences = (bytes: Buffer, text: string): number => {
  let count = 0
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) count += 1
  return count
}
