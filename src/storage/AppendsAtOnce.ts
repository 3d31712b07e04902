import { Clock, Effect, FileSystem, Layer, Result, type Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import * as NodeFs from "node:fs"

/** What the kernel takes into its memory takes microseconds; a write that lasts longer waits for the disk. */
const slowMillis = 20
/** For so long the pool's threads do the waiting then. */
const distrustMillis = 10_000

/**
 * The file system, whose files that are opened to append (`flag: "a"`) take `writeAll` at once, on the thread of the event loop. Another
 * thread would cost both a multiple of the write itself, and whoever waits for the bytes to be safe the time of two wake-ups.
 *
 * After a write that was slow, and for what the kernel did not take, they write as files do otherwise: a disk that stalls holds up
 * the event loop once in ten seconds at most, and failures are told in the file system's own words.
 */
export const layer: Layer.Layer<FileSystem.FileSystem, never, FileSystem.FileSystem> = Layer.effect(
  FileSystem.FileSystem,
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const clock = yield* Clock.Clock
    const openToAppend = Effect.fnUntraced(function* (path: string, options: Parameters<typeof fs.open>[1]) {
      const file = yield* fs.open(path, options)
      const descriptor = yield* Effect.option(ownDescriptor(path))
      return descriptor._tag === "None" ? file : appending(file, descriptor.value, clock)
    })
    return {
      ...fs,
      open: (path, options): Effect.Effect<FileSystem.File, PlatformError, Scope.Scope> =>
        options?.flag === "a" ? openToAppend(path, options) : fs.open(path, options)
    }
  })
)

/** Of a file that is there: those of Effect's files are nobody's but their own. */
const ownDescriptor = (path: string) =>
  Effect.acquireRelease(Effect.try({ try: () => NodeFs.openSync(path, "a"), catch: () => undefined }), (descriptor) =>
    Effect.sync(() => NodeFs.closeSync(descriptor))
  )

const appending = (file: FileSystem.File, descriptor: number, clock: Clock.Clock): FileSystem.File => {
  const millis = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  let trustedFrom = Number.NEGATIVE_INFINITY
  const writeAll = (bytes: Uint8Array) =>
    Effect.suspend(() => {
      const begunAt = millis()
      if (begunAt < trustedFrom) return file.writeAll(bytes)
      const written = taken(descriptor, bytes)
      const endedAt = millis()
      if (endedAt - begunAt > slowMillis) trustedFrom = endedAt + distrustMillis
      return written === bytes.length ? Effect.void : file.writeAll(bytes.subarray(written))
    })
  return {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    stat: file.stat,
    sync: file.sync,
    seek: (offset, from) => file.seek(offset, from),
    read: (buffer, options) => file.read(buffer, options),
    readAlloc: (size, options) => file.readAlloc(size, options),
    truncate: (length) => file.truncate(length),
    write: (buffer) => file.write(buffer),
    writeAll
  }
}

/** How many of these bytes the kernel has taken. */
const taken = (descriptor: number, bytes: Uint8Array): number =>
  Result.getOrElse(
    Result.try(() => NodeFs.writeSync(descriptor, bytes)),
    () => 0
  )
