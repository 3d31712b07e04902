import { Clock, Context, Effect, Fiber, Latch, Layer } from "effect"
import * as DescriptorWriter from "./DescriptorWriter.ts"
import { toJson, toPretty } from "./LogLine.ts"
import { LogOptions } from "./LogOptions.ts"

/**
 * Where all log lines leave the process. Lines are gathered for a moment and written at once by a thread of the
 * pool: neither a busy gateway nor a stalled reader of a pipe is felt by a request. What a stalled reader does not take is
 * kept up to a bound, then dropped, and the loss is told when the reader is back.
 */
export class LogOutput extends Context.Service<
  LogOutput,
  {
    /** One line, without the newline at its end. Never waits and never fails. */
    readonly write: (line: string) => void
  }
>()("xrouter/telemetry/LogOutput") {
  /** Writes to a file descriptor that stays open as long as the layer. */
  static readonly layerDescriptor = (descriptor: number): Layer.Layer<LogOutput, never, LogOptions> =>
    Layer.effect(
      LogOutput,
      Effect.suspend(() => make(descriptor))
    )

  /** Writes to standard output. */
  static readonly layer: Layer.Layer<LogOutput, never, LogOptions> = LogOutput.layerDescriptor(1)
}

/** A write costs as much as dozens of lines; a line may be late by that much. */
const gathering = "50 millis"
/** How long a stop waits for a reader that does not read. */
const patience = "1 second"
/** Characters that may wait to be written. */
const most = 8 * 1024 * 1024

const make = Effect.fnUntraced(function* (descriptor: number) {
  const options = yield* LogOptions
  const clock = yield* Clock.Clock
  const writer = yield* DescriptorWriter.make(descriptor, { isShared: options.worker !== undefined })
  const waiting = Latch.makeUnsafe(false)
  let pending = ""
  let pendingLines = 0
  let lost = 0
  let state: "running" | "closed" | "stalled" = "running"

  const lossLine = (): string => {
    const line = {
      at: clock.currentTimeMillisUnsafe(),
      level: "warn",
      message: "Log lines were lost: their reader did not keep up",
      fields: { lines: lost }
    } as const
    return `${options.format === "json" ? toJson(line) : toPretty(line)}\n`
  }

  const write = (line: string): void => {
    if (state === "closed") return writer.writeNow(Buffer.from(`${line}\n`))
    if (state === "stalled" || pending.length + line.length > most) {
      lost += 1
      return
    }
    pending += `${line}\n`
    pendingLines += 1
    waiting.openUnsafe()
  }

  const take = () => {
    const batch = { text: lost === 0 ? pending : pending + lossLine(), lines: pendingLines, lost }
    pending = ""
    pendingLines = 0
    lost = 0
    return batch
  }

  const drain = Effect.suspend(() => {
    const batch = take()
    if (batch.text === "") return Effect.void
    return writer.write(Buffer.from(batch.text)).pipe(
      // A full disk or a closed pipe costs log lines, not answers.
      Effect.catch(() => Effect.sync(() => void (lost += batch.lines + batch.lost)))
    )
  })

  const drainer = yield* waiting.await.pipe(
    Effect.andThen(Effect.sleep(gathering)),
    Effect.tap(() => Effect.sync(() => waiting.closeUnsafe())),
    Effect.andThen(Effect.uninterruptible(drain)),
    Effect.forever,
    Effect.forkDetach
  )

  // A process that ends without closing its layers, by an uncaught error say, still tells its last words.
  const lastWords = () => {
    if (state !== "stalled") writer.writeNow(Buffer.from(take().text))
  }

  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("exit", lastWords)),
    () =>
      Fiber.interrupt(drainer).pipe(
        Effect.andThen(drain),
        Effect.interruptible,
        Effect.timeoutOption(patience),
        Effect.tap((done) => Effect.sync(() => (state = done._tag === "Some" ? "closed" : "stalled"))),
        Effect.andThen(Effect.sync(() => process.off("exit", lastWords)))
      )
  )

  return LogOutput.of({ write })
})
