/** The upstream and the stores of a run, which every kind of run begins with. */
import { join } from "node:path"
import { counted, type Gateway, newSecrets, type Site, type Stores } from "./gateway.ts"
import { path } from "./paths.ts"
import { startServer } from "./processes.ts"
import type { Target } from "./targets.ts"

export interface SiteOptions {
  readonly folder: string
  readonly bundle: string
  /** With the stores of a first start in place of PostgreSQL and Redis. */
  readonly isEmbedded: boolean
}

export interface OpenSite extends Site {
  readonly upstreamTarget: Target
  /** Of the stores, to be told. */
  readonly versions: ReadonlyArray<string>
}

export const openSite = async ({ bundle, folder, isEmbedded }: SiteOptions): Promise<OpenSite> => {
  const upstream = await startServer([path("upstream.ts")], join(folder, "upstream.log"))
  const stores = isEmbedded
    ? undefined
    : await startServer<Stores & { readonly versions: ReadonlyArray<string> }>(
        [path("stores.ts")],
        join(folder, "stores.log")
      )
  return {
    bundle,
    folder,
    upstream: upstream.port,
    upstreamTarget: { name: "upstream", model: "bench-1", headers: {}, pid: upstream.pid, port: upstream.port },
    stores,
    versions: stores?.versions ?? ["PGlite and a limiter in memory"],
    secrets: newSecrets()
  }
}

/** Each request that was answered must stand in the gateway's own books: it was measured with metrics and log on. */
export const compareBooks = async (
  gateway: Gateway,
  sent: number
): Promise<{ readonly told: string; readonly isRight: boolean }> => {
  const { logLines, metrics } = await counted(gateway)
  return {
    told: `XRouter answered ${sent} requests; its metrics tell ${metrics}, its log ${logLines}.`,
    isRight: metrics === sent && logLines === sent
  }
}
