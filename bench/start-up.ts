/** How long a start takes when the stores are there and an earlier start has left what it leaves. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { type Site, startGateway } from "./gateway.ts"
import { stop } from "./processes.ts"
import { type Spread, spreadOf } from "./statistics.ts"

export interface StartUp {
  readonly starts: number
  /** Milliseconds from the start of the process until it says that it is ready. */
  readonly ready: Spread
  /** Of a Node that does nothing, from its start to its end: what no gateway can be faster than. */
  readonly node: Spread
}

export const measureStartUp = async (site: Site, starts: number): Promise<StartUp> => {
  const start = async () => {
    const gateway = await startGateway(site, "starts")
    await stop(gateway)
    return gateway.readyMillis
  }
  await start()
  const ready: Array<number> = []
  const node: Array<number> = []
  for (let round = 0; round < starts; round++) {
    ready.push(await start())
    node.push(await emptyNode())
  }
  return { starts, ready: spreadOf(ready), node: spreadOf(node) }
}

const emptyNode = async (): Promise<number> => {
  const startedAt = performance.now()
  await once(spawn(process.execPath, ["--eval", ""], { stdio: "ignore" }), "exit")
  return performance.now() - startedAt
}
