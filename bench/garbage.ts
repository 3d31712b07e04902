/** What a process holds when its garbage is gone, which it collects when it likes: asked for over Node's inspector. */
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { memory, type Started } from "./processes.ts"
import { spreadOf } from "./statistics.ts"

/** For Node, so that it can be asked. Nobody is connected but in the moment of asking. */
export const inspectable: ReadonlyArray<string> = ["--inspect=127.0.0.1:0"]

const collect = async ({ logFile }: Started): Promise<void> => {
  const address = /Debugger listening on (ws:\/\/\S+)/.exec(readFileSync(logFile, "utf8"))?.[1]
  if (address === undefined) throw new Error(`${logFile} names no inspector`)
  const inspector = new WebSocket(address)
  await once(inspector, "open")
  inspector.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" }))
  await once(inspector, "message")
  inspector.close()
}

/** MB resident after a collection: the median of some looks. */
export const held = async (started: Started): Promise<number> => {
  await collect(started)
  const seen: Array<number> = []
  for (const until = performance.now() + 400; performance.now() < until;) {
    await setTimeout(40)
    seen.push(memory(started.pid).now)
  }
  return spreadOf(seen).median
}
