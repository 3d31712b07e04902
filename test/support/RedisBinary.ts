import { Data, Effect } from "effect"
import { join } from "node:path"
import { debianPackage, onPath } from "./DebianPackage.ts"

/** Where the tests' redis-server comes from: the machine's own, or Debian's package. */
export class RedisBinaryError extends Data.TaggedError("RedisBinaryError")<{ readonly message: string }> {}

export interface RedisBinary {
  readonly path: string
  /** The unpacked package brings its shared libraries; empty for the machine's own. */
  readonly libraryPath: string
}

const missing =
  "The tests need a real redis-server (6.2 or newer), which is not on the PATH: install Redis (brew install redis, " +
  "apk add redis, dnf install redis) and run them again."

export const redisBinary: Effect.Effect<RedisBinary, RedisBinaryError> = Effect.gen(function* () {
  const own = onPath("redis-server", "valkey-server")
  if (own !== undefined) return { path: own, libraryPath: "" }
  const { libraryPath, root } = yield* debianPackage("redis-server", program, "2 MB").pipe(
    Effect.mapError(
      ({ message }) => new RedisBinaryError({ message: `${missing} It could not be fetched: ${message}` })
    )
  )
  return { path: join(root, program), libraryPath }
})

const program = "usr/bin/redis-server"
