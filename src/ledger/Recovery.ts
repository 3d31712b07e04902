import { Effect } from "effect"
import { interruptedLine, readLine } from "./CallLine.ts"
import type { EndedCall } from "./RecentCalls.ts"
import { readPart, type Segment } from "./Segments.ts"

/** What an earlier process left in its journal. */
export interface Left {
  /** Calls that had ended. The database may know of some. */
  readonly ended: number
  /** The calls in whose middle the process died, with the line that tells so. */
  readonly interrupted: ReadonlyArray<EndedCall>
  /** Lines that were cut short or spoiled. */
  readonly unreadable: number
}

/** Remembers only the calls that run, so that a journal of any size can be read. */
export const recover = Effect.fn("Recovery.recover")(function* (folder: string, segments: ReadonlyArray<Segment>) {
  const running = new Map<string, string>()
  let ended = 0
  let unreadable = 0
  const take = (line: string) => {
    const stated = readLine(line)
    if (stated === undefined) unreadable += line === "" ? 0 : 1
    else if (stated.isPending) running.set(stated.requestId, line)
    else {
      running.delete(stated.requestId)
      ended += 1
    }
  }
  for (const segment of segments) {
    for (let offset = 0; offset < segment.size;) {
      const part = yield* readPart(folder, segment, offset)
      part.lines.forEach(take)
      if (part.lines.length === 0) unreadable += 1
      offset = part.offset
    }
  }
  const interrupted = Array.from(running, ([requestId, line]) => ({ requestId, line: interruptedLine(line) }))
  return { ended, interrupted, unreadable } satisfies Left
})
