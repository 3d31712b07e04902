import * as NodeFs from "node:fs"
import { Data, Effect, Schedule, type Scope } from "effect"

/** Bytes to a file descriptor that others own too: standard output as a file, a terminal, a socket or a pipe. */
export interface DescriptorWriter {
  /** Writes by a thread of the pool, and waits for a pipe that is full as long as it takes. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, WriteFailed>
  /** Writes at once, for a process that ends: waits for a full pipe up to a second, tells no failure. */
  readonly writeNow: (bytes: Uint8Array) => void
}

export class WriteFailed extends Data.TaggedError("WriteFailed")<{
  /** `EPIPE`, `ENOSPC`, … */
  readonly code: string
}> {}

/** With `isShared` whole lines are written at a time, as many as other processes' writes cannot come between. */
export const make = (
  descriptor: number,
  { isShared = false }: { readonly isShared?: boolean } = {}
): Effect.Effect<DescriptorWriter, never, Scope.Scope> => {
  const endOf = isShared ? endOfLines : ({ length }: Uint8Array) => length
  return Effect.map(unblocked(descriptor), (target) => ({
    write: Effect.fnUntraced(function* (bytes) {
      let offset = 0
      while (offset < bytes.length) {
        offset += yield* writeSome(target.descriptor, bytes, offset, endOf(bytes, offset)).pipe(
          Effect.retry({ while: (error) => error.code === "EAGAIN", schedule: Schedule.spaced(pauseMillis) })
        )
      }
    }),
    writeNow: (bytes) => {
      let offset = 0
      let pauses = 0
      while (offset < bytes.length && pauses < mostPauses) {
        const written = Effect.runSync(writeSomeNow(target.descriptor, bytes, offset, endOf(bytes, offset)))
        if (written === undefined) return
        offset += written
        if (written === 0) {
          pauses += 1
          Atomics.wait(nobody, 0, 0, pauseMillis)
        }
      }
    }
  }))
}

/** POSIX' least `PIPE_BUF` on the systems that we know: what a pipe takes whole or not at all. */
const atomicBytes = 4096
const newline = 0x0a

/** Behind the last line that still goes with the ones before it; a line that is longer by itself may be broken by others. */
const endOfLines = (bytes: Uint8Array, offset: number): number => {
  if (bytes.length - offset <= atomicBytes) return bytes.length
  const last = bytes.lastIndexOf(newline, offset + atomicBytes - 1)
  if (last >= offset) return last + 1
  const end = bytes.indexOf(newline, offset)
  return end < 0 ? bytes.length : end + 1
}

const pauseMillis = 5
const mostPauses = 200
const nobody = new Int32Array(new SharedArrayBuffer(4))

/**
 * A thread that waits for a stalled pipe holds up the end of the process. So a pipe is opened anew, without blocking; the
 * mode of the one that we were given would change for its other owners as well. It is the target until the scope closes.
 */
const unblocked = (descriptor: number): Effect.Effect<{ descriptor: number }, never, Scope.Scope> => {
  const flags = NodeFs.constants.O_WRONLY | NodeFs.constants.O_NONBLOCK
  const open = Effect.try({
    try: () =>
      NodeFs.fstatSync(descriptor).isFIFO() ? NodeFs.openSync(`/proc/self/fd/${descriptor}`, flags) : descriptor,
    catch: writeFailed
  })
  return Effect.acquireRelease(
    // Where the system cannot (no /proc, or another user's pipe), writing blocks a thread of the pool at worst.
    open.pipe(
      Effect.orElseSucceed(() => descriptor),
      Effect.map((own) => ({ descriptor: own }))
    ),
    (target) =>
      Effect.sync(() => {
        const own = target.descriptor
        target.descriptor = descriptor
        if (own !== descriptor) NodeFs.closeSync(own)
      })
  )
}

const writeSome = (
  descriptor: number,
  bytes: Uint8Array,
  offset: number,
  end: number
): Effect.Effect<number, WriteFailed> =>
  Effect.callback((resume) => {
    NodeFs.write(descriptor, bytes, offset, end - offset, null, (error, written) =>
      resume(error === null ? Effect.succeed(written) : Effect.fail(writeFailed(error)))
    )
  })

/** How much was taken: 0 where the pipe is full, undefined where it will never take more. */
const writeSomeNow = (
  descriptor: number,
  bytes: Uint8Array,
  offset: number,
  end: number
): Effect.Effect<number | undefined> =>
  Effect.try({ try: () => NodeFs.writeSync(descriptor, bytes, offset, end - offset), catch: writeFailed }).pipe(
    Effect.catch((error) => Effect.succeed(error.code === "EAGAIN" ? 0 : undefined))
  )

const writeFailed = (error: unknown): WriteFailed =>
  new WriteFailed({
    code: error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown"
  })
