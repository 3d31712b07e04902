import { Data, Effect, Exit, Fiber, FileSystem, Scope } from "effect"
import { type Position, type Segment, segmentPath } from "./Segments.ts"

/** Why a line is not in the journal. */
export class NotWritten extends Data.TaggedError("NotWritten")<{
  readonly message: string
  readonly cause?: unknown
}> {}

export type Saved = (failure: NotWritten | undefined) => void

/**
 * Appends lines to the last segment. What comes in one turn of the event loop goes into one write, and so does what comes while a write
 * is under way: a busy process makes few, and a quiet one does not wait. Lines are safe from the death of the process once the kernel has them; they are not
 * forced onto the disk.
 */
export interface JournalWriter {
  /** A line that somebody waits for: `saved` hears once. What cannot be written is given up. */
  readonly try: (line: string, saved: Saved) => void
  /** A line that must not be lost: it is tried again until it is written. */
  readonly keep: (line: string) => void
}

export interface WriterOptions {
  readonly folder: string
  /** New ones are added behind. */
  readonly segments: Array<Segment>
  readonly segmentBytes: number
  /** The lines that a new segment begins with, so that the ones before it can go. */
  readonly carried: () => ReadonlyArray<string>
  /** So many of the lines that are kept are written, in their order, with all that was tried with them; there the journal ends now. */
  readonly onWritten: (kept: number, end: Position) => void
}

interface Active {
  readonly file: FileSystem.File
  readonly scope: Scope.Closeable
  readonly segment: Segment
  /** Beside what it began with: otherwise many calls that take long would make each file a copy of the last one. */
  readonly fullAt: number
}

const pause = "500 millis"

export const makeWriter = Effect.fn("JournalWriter.make")(function* (options: WriterOptions) {
  const { carried, folder, onWritten, segmentBytes, segments } = options
  const fs = yield* FileSystem.FileSystem
  let tried: Array<string> = []
  let kept: Array<string> = []
  let savers: Array<Saved> = []
  let isFailing = false
  let isClosing = false
  let active: Active | undefined

  let wake: (() => void) | undefined
  const awaken = () => {
    const sleeper = wake
    wake = undefined
    sleeper?.()
  }
  const hasWork = () => savers.length > 0 || kept.length > 0
  const someWork = Effect.callback<void>((resume) => {
    if (hasWork() || isClosing) return resume(Effect.void)
    wake = () => resume(Effect.void)
  })

  const closeActive = Effect.suspend(() => {
    const closed = active
    active = undefined
    return closed === undefined ? Effect.void : Scope.close(closed.scope, Exit.void)
  })

  /** It is there for readers once its first lines are. */
  const openSegment = Effect.fnUntraced(function* (lines: ReadonlyArray<string>) {
    const number = (segments.at(-1)?.number ?? 0) + 1
    const path = segmentPath(folder, number)
    const scope = Scope.makeUnsafe()
    const before = carried()
    const bytes = bytesOf([...before, ...lines])
    return yield* Effect.gen(function* () {
      const file = yield* Scope.provide(fs.open(path, { flag: "a", mode: 0o600 }), scope)
      // Of an attempt that failed.
      yield* file.truncate(0)
      yield* file.writeAll(bytes)
      const segment = { number, size: bytes.length }
      active = { file, scope, segment, fullAt: bytesOf(before).length + segmentBytes }
      segments.push(segment)
      return segment
    }).pipe(Effect.onError(() => Scope.close(scope, Exit.void)))
  })

  const write = Effect.fnUntraced(function* (lines: ReadonlyArray<string>) {
    if (active !== undefined && active.segment.size >= active.fullAt) yield* closeActive
    if (active === undefined) return yield* openSegment(lines)
    const { file, segment } = active
    const bytes = bytesOf(lines)
    yield* file.writeAll(bytes).pipe(
      // What a failed write has left is taken away again; a segment that cannot be mended is left alone from now on.
      Effect.onError(() => Effect.catchCause(file.truncate(segment.size), () => closeActive))
    )
    segment.size += bytes.length
    return segment
  })

  const commit = Effect.fnUntraced(function* () {
    const [lines, keeping, heard] = [[...tried, ...kept], kept, savers]
    tried = []
    kept = []
    savers = []
    const exit = yield* Effect.exit(lines.length === 0 ? Effect.undefined : write(lines))
    if (Exit.isSuccess(exit)) {
      const segment = exit.value
      if (segment !== undefined) onWritten(keeping.length, { segment: segment.number, offset: segment.size })
      for (const saved of heard) saved(undefined)
    } else {
      kept = [...keeping, ...kept]
      const failure = new NotWritten({
        message: `The usage journal in ${folder} cannot be written`,
        cause: exit.cause
      })
      for (const saved of heard) saved(failure)
    }
    if (Exit.isFailure(exit) === isFailing) return
    isFailing = !isFailing
    yield* Exit.isFailure(exit)
      ? Effect.logError(
          `The usage journal in ${folder} cannot be written; no call is made without a record`,
          exit.cause
        )
      : Effect.logInfo("The usage journal can be written again")
  })

  const loop = Effect.gen(function* () {
    while (true) {
      yield* someWork
      if (!hasWork()) return
      // What else comes in this turn of the event loop goes into the same write.
      yield* Effect.yieldNow
      yield* commit()
      if (isFailing && isClosing) return
      if (isFailing) yield* Effect.sleep(pause)
    }
  })

  const fiber = yield* Effect.forkScoped(loop)
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosing = true
      awaken()
      return Fiber.await(fiber)
    }).pipe(Effect.andThen(closeActive))
  )

  const writer: JournalWriter = {
    try: (line, saved) => {
      if (line !== "") tried.push(line)
      savers.push(saved)
      awaken()
    },
    keep: (line) => {
      kept.push(line)
      awaken()
    }
  }
  return writer
})

const bytesOf = (lines: ReadonlyArray<string>): Buffer => Buffer.from(`${lines.join("\n")}\n`)
