/** The processes that are targets. */
import { type Site, startGateway } from "./gateway.ts"
import { path } from "./paths.ts"
import { type Started, startServer } from "./processes.ts"
import { names, type Target, xrouterTargets } from "./targets.ts"

/** A process, and the target that it is. */
export interface Running extends Started {
  readonly target: Target
}

export const startRaw = async (
  upstream: number,
  logFile: string,
  { name = names.raw, nodeOptions = [] }: { readonly name?: string; readonly nodeOptions?: ReadonlyArray<string> } = {}
): Promise<Running> => {
  const started = await startServer([...nodeOptions, path("raw-proxy.ts"), `http://127.0.0.1:${upstream}`], logFile)
  return { ...started, target: { name, model: "openai/bench-1", headers: {}, pid: started.pid, port: started.port } }
}

/** Another XRouter on the same stores, which knows the key. */
export const startXRouter = async (
  site: Site,
  name: string,
  apiKey: string,
  nodeOptions: ReadonlyArray<string>,
  more: Readonly<Record<string, string>> = {}
): Promise<Running> => {
  const gateway = await startGateway(site, name, nodeOptions, more)
  return { ...gateway, target: xrouterTargets(gateway, apiKey).openAi }
}
