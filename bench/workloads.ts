/** What the clients do. */
import type { Workload } from "./slices.ts"

const json = (connections: number): Workload => ({
  title: `JSON answers, ${connections} connection${connections === 1 ? "" : "s"}`,
  ask: { kind: "json" },
  connections
})

export const busyJson = json(64)
export const quietJson = json(1)
/** Beside those, for `--full`. */
export const otherJson: ReadonlyArray<Workload> = [json(16), json(256)]

export const busyStreams: Workload = {
  title: "Streams of 64 chunks at once, 64 connections",
  ask: { kind: "stream" },
  connections: 64
}

/** As a model begins: the first piece comes alone. */
export const firstToken: Workload = {
  title: "Time to first token, 1 client",
  ask: { kind: "paced", pace: { pieces: 8, everyMillis: 4 } },
  connections: 1
}
