import { Effect, FileSystem, Option } from "effect"
import type { PlatformError } from "effect/PlatformError"

/** One file of the journal. Numbers only grow; the last is written to. */
export interface Segment {
  readonly number: number
  /** Bytes that are known to be written. */
  size: number
}

/** A place between two lines. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

export const segmentPath = (folder: string, number: number): string =>
  `${folder}/${String(number).padStart(10, "0")}.jsonl`

/** The segments that an earlier process left, oldest first. */
export const listSegments = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const segments: Array<Segment> = []
  for (const name of yield* fs.readDirectory(folder)) {
    const match = /^(\d{10})\.jsonl$/.exec(name)
    if (match === null) continue
    const { size } = yield* fs.stat(`${folder}/${name}`)
    segments.push({ number: Number(match[1]), size: Number(size) })
  }
  return segments.sort((left, right) => left.number - right.number)
})

/** Longer than any line: a part without an end of line holds none. */
const partBytes = 128 * 1024

export interface Part {
  readonly lines: ReadonlyArray<string>
  /** Behind the last of the lines. */
  readonly offset: number
}

/** Whole lines of a segment from an offset on. What its end lacks the end of line was cut short, and is passed over. */
export const readPart = (
  folder: string,
  { number, size }: Segment,
  offset: number
): Effect.Effect<Part, PlatformError, FileSystem.FileSystem> =>
  Effect.scoped(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.open(segmentPath(folder, number), { flag: "r" })
      const bytes = yield* file.readAlloc(Math.min(partBytes, size - offset), { position: BigInt(offset) })
      if (Option.isNone(bytes)) return { lines: [], offset: size }
      const part = Buffer.from(bytes.value.buffer, bytes.value.byteOffset, bytes.value.byteLength)
      const end = part.lastIndexOf("\n") + 1
      if (end === 0) return { lines: [], offset: offset + part.length }
      return { lines: part.toString("utf8", 0, end - 1).split("\n"), offset: offset + end }
    })
  )
