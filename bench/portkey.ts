/** Portkey's gateway, without keys and limits, as its package brings it; installed by npm when it is first asked for. */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { freePort } from "./gateway.ts"
import { path } from "./paths.ts"
import { start } from "./processes.ts"
import type { Running } from "./servers.ts"
import { names } from "./targets.ts"

const folder = path("portkey")
const packageFolder = `${folder}/node_modules/@portkey-ai/gateway`

const versionIn = (file: string): string | undefined =>
  existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version : undefined

/** The version that is there afterwards. */
export const installPortkey = (): string => {
  const wanted = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  const version = wanted.dependencies["@portkey-ai/gateway"]
  if (version === undefined) throw new Error("bench/portkey/package.json names no version of Portkey")
  // Its own install script is for those who work on it.
  if (versionIn(`${packageFolder}/package.json`) !== version)
    execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], {
      cwd: folder,
      stdio: "inherit"
    })
  return version
}

/** An upstream of one's own is named by the request itself. */
export const startPortkey = async (
  upstream: number,
  logFile: string,
  nodeOptions: ReadonlyArray<string> = []
): Promise<Running> => {
  const port = await freePort()
  const started = await start(
    [...nodeOptions, `${packageFolder}/build/start-server.js`, "--headless", `--port=${port}`],
    {
      logFile,
      env: { NODE_ENV: "production" }
    }
  )
  const origin = `http://127.0.0.1:${port}`
  const until = Date.now() + 30_000
  while (!(await isThere(origin))) {
    if (Date.now() > until || started.child.exitCode !== null) {
      throw new Error(`Portkey is not ready:\n${readFileSync(logFile, "utf8").slice(-4000)}`)
    }
    await setTimeout(50)
  }
  const headers = {
    Authorization: "Bearer sk-bench",
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": `http://127.0.0.1:${upstream}/v1`
  }
  return { ...started, target: { name: names.portkey, model: "bench-1", headers, pid: started.pid, port } }
}

const isThere = (origin: string): Promise<boolean> =>
  fetch(origin, { signal: AbortSignal.timeout(2000) }).then(
    () => true,
    () => false
  )
