import { Context, Effect, FileSystem, Latch, Layer } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { Settings } from "../config/Settings.ts"
import { Worker } from "../config/Worker.ts"
import * as AppendsAtOnce from "../storage/AppendsAtOnce.ts"
import { holdLock, makeDataFolder, orFolderError } from "../storage/DataFolder.ts"
import { readLine } from "./CallLine.ts"
import { makeWriter, NotWritten, type Saved } from "./JournalWriter.ts"
import { type EndedCall, isBefore, type Portion, RecentCalls } from "./RecentCalls.ts"
import { recover } from "./Recovery.ts"
import { listSegments, type Position, readPart, type Segment, segmentPath } from "./Segments.ts"

/**
 * What calls used, in files of the data folder, until the database has it. Each call has a line before the provider is called and
 * another at its end, so that neither the death of this process nor an outage of the database loses one. A folder has one owner.
 */
export class Journal extends Context.Service<
  Journal,
  {
    /** Before a call. `saved` hears, once, when its record is safe from the process's death, or why the call must not be made. */
    readonly begin: (
      call: { readonly requestId: string; readonly createdAt: number; readonly line: string },
      saved: Saved
    ) => void
    /** At its end. Cannot fail: what cannot be written is kept until it can. */
    readonly end: (requestId: string, line: string) => void
    /** Done when what was appended before is written, or cannot be. */
    readonly written: Effect.Effect<void>
    /** Calls that have ended and are not shipped. */
    readonly waiting: () => number
    /** Done when there may be something to ship. */
    readonly unshipped: Effect.Effect<void>
    /** What comes after all that was `shipped`; undefined where there is nothing. */
    readonly next: Effect.Effect<Portion | undefined, PlatformError>
    readonly shipped: (portion: Portion) => Effect.Effect<void>
    /** Lines of the latest calls that have ended and are not shipped. */
    readonly ended: (isSought: (line: string) => boolean) => ReadonlyArray<string>
    /** Calls that run since before a time, in Unix milliseconds, and were not `told` of. */
    readonly running: (before: number) => ReadonlyArray<Running>
    readonly told: (calls: ReadonlyArray<Running>) => void
    /** Puts a line that the database will never take into `refused.jsonl`, out of the way. */
    readonly setAside: (line: string) => Effect.Effect<void, PlatformError>
  }
>()("xrouter/ledger/Journal") {
  static readonly layer = Layer.effect(
    Journal,
    Effect.flatMap(Effect.all([Settings, Worker]), ([{ dataDir }, worker]) => makeJournal(homeOf(dataDir, worker)))
  ).pipe(Layer.provide(AppendsAtOnce.layer))
}

/** Each worker has its own below this one, under its number. */
export const workerFolders = (dataDir: string): string => `${dataDir}/workers`

/** The first one's is that of a process that is alone, so that each finds what the other has left. */
const homeOf = (dataDir: string, worker = 1): string => (worker === 1 ? dataDir : `${workerFolders(dataDir)}/${worker}`)

export interface Running {
  readonly requestId: string
  readonly createdAt: number
  readonly line: string
}

interface Open extends Running {
  line: string
  isSaved: boolean
  isTold: boolean
}

export interface JournalSizes {
  /** A file of that many bytes is closed and another one begun. */
  readonly segmentBytes: number
  /** With that many bytes waiting no further call is recorded, and so none made. */
  readonly mostBytes: number
  /** So many of the calls that have ended need not be read from the files again. */
  readonly mostRecent?: number | undefined
}

const defaultSizes: JournalSizes = { segmentBytes: 4 * 1024 ** 2, mostBytes: 1024 ** 3 }

export const makeJournal = Effect.fn("Journal.make")(function* (dataDir: string, sizes: JournalSizes = defaultSizes) {
  const fs = yield* FileSystem.FileSystem
  const folder = `${dataDir}/usage`
  yield* makeDataFolder(folder)
  yield* holdLock(`${dataDir}/usage.lock`, {
    what: "The usage journal",
    remedy: "or give this one another XROUTER_DATA_DIR: each instance has its own"
  })
  const segments: Array<Segment> = yield* listSegments(folder).pipe(orFolderError(folder, "read"))
  const left = yield* recover(folder, segments).pipe(orFolderError(folder, "read"))
  if (left.unreadable > 0) {
    yield* Effect.logWarning(`Lines of the usage journal that were cut short are passed over: ${left.unreadable}`)
  }
  if (left.interrupted.length > 0) {
    yield* Effect.logWarning(`Calls that an earlier process died in, told as interrupted: ${left.interrupted.length}`)
  }

  const open = new Map<string, Open>()
  const close = (requestId: string) => {
    const call = open.get(requestId)
    if (call === undefined) return
    open.delete(requestId)
    // An old table of the map may hold it still (`Roster`): at least not what it says.
    call.line = ""
  }
  const mayShip = Latch.makeUnsafe(true)
  let waiting = left.ended + left.interrupted.length
  let cursor: Position = { segment: segments[0]?.number ?? 0, offset: 0 }
  const lastLeft = segments.at(-1)
  const recent = new RecentCalls({ segment: lastLeft?.number ?? 0, offset: lastLeft?.size ?? 0 }, sizes.mostRecent)

  const removed = Effect.fnUntraced(function* (segment: Segment) {
    segments.splice(segments.indexOf(segment), 1)
    const path = segmentPath(folder, segment.number)
    yield* Effect.catch(fs.remove(path, { force: true }), (error) =>
      Effect.logWarning(`Usage that was shipped could not be removed: ${path}`, error)
    )
  })
  yield* Effect.addFinalizer(() =>
    waiting === 0 && open.size === 0 ? Effect.forEach([...segments], removed, { discard: true }) : Effect.void
  )
  const writer = yield* makeWriter({
    folder,
    segments,
    segmentBytes: sizes.segmentBytes,
    carried: () => [...open.values()].filter(({ isSaved }) => isSaved).map(({ line }) => line),
    onWritten: (kept, end) => {
      recent.wrote(kept, end)
      mayShip.openUnsafe()
    }
  })
  const keep = (call: EndedCall) => {
    recent.add(call)
    writer.keep(call.line)
  }
  const written = Effect.callback<void>((resume) => writer.try("", () => resume(Effect.void)))
  left.interrupted.forEach(keep)

  /** Of calls that are not remembered any longer, or that an earlier process has left. */
  const read = Effect.fnUntraced(function* (segment: Segment, offset: number) {
    const { from } = recent
    const size = segment.number === from.segment ? from.offset : segment.size
    const part = yield* readPart(folder, { number: segment.number, size }, offset)
    return { calls: endedOf(part.lines), until: { segment: segment.number, offset: part.offset } } satisfies Portion
  })

  const next = Effect.gen(function* () {
    while (true) {
      const [segment] = segments
      if (segment !== undefined && segment !== segments.at(-1) && isBehind(cursor, segment)) {
        yield* removed(segment)
        continue
      }
      if (segment !== undefined && isBefore(cursor, recent.from)) {
        const portion = yield* read(segment, segment.number === cursor.segment ? cursor.offset : 0)
        if (portion.calls.length > 0) return portion
        cursor = portion.until
        continue
      }
      const portion = recent.portion()
      if (portion.calls.length > 0) return portion
      const isDone = !isBefore(cursor, portion.until)
      cursor = portion.until
      if (!isDone) continue
      mayShip.closeUnsafe()
      return undefined
    }
  }).pipe(Effect.provideService(FileSystem.FileSystem, fs))

  const full = new NotWritten({
    message: `The usage journal in ${folder} is full: the database must take what is there before further calls are made`
  })

  return Journal.of({
    begin: (call, saved) => {
      if (segments.reduce((sum, { size }) => sum + size, 0) >= sizes.mostBytes) return saved(full)
      const begun = { ...call, isSaved: false, isTold: false }
      open.set(call.requestId, begun)
      writer.try(call.line, (failure) => {
        begun.isSaved = failure === undefined
        if (failure !== undefined) close(call.requestId)
        saved(failure)
      })
    },
    end: (requestId, line) => {
      close(requestId)
      waiting += 1
      keep({ requestId, line })
    },
    written,
    waiting: () => waiting,
    unshipped: mayShip.await,
    next,
    shipped: ({ calls, until }) =>
      Effect.sync(() => {
        waiting -= calls.length
        cursor = until
        recent.shipped(until)
      }),
    ended: (isSought) => recent.lines(isSought),
    running: (before) => {
      const calls: Array<Running> = []
      for (const call of open.values()) {
        if (call.createdAt >= before) break
        if (!call.isTold) calls.push({ ...call })
      }
      return calls
    },
    told: (calls) => {
      for (const { requestId } of calls) {
        const call = open.get(requestId)
        if (call !== undefined) call.isTold = true
      }
    },
    setAside: (line) => fs.writeFileString(`${folder}/refused.jsonl`, `${line}\n`, { flag: "a", mode: 0o600 })
  })
})

/** The ended calls among some lines. */
const endedOf = (lines: ReadonlyArray<string>): ReadonlyArray<EndedCall> =>
  lines.flatMap((line) => {
    const stated = readLine(line)
    return stated === undefined || stated.isPending ? [] : [{ requestId: stated.requestId, line }]
  })

/** Whether a place lies behind all that a segment holds. */
const isBehind = (place: Position, { number, size }: Segment): boolean =>
  !isBefore(place, { segment: number, offset: size })
