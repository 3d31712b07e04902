import { Array as Arr, Cause, type Duration, Effect, Exit, type Fiber, Pull, Stream } from "effect"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ProviderFailure, XRouterError } from "../domain/Errors.ts"
import type { Reply } from "../router/Router.ts"
import { annotationsOf } from "../telemetry/RequestAnnotations.ts"
import type { RequestTrace } from "../telemetry/RequestTrace.ts"
import { errorOf } from "./Failure.ts"
import type { Patience } from "./Patience.ts"

/** How long a client waits for a status, and then for each sign that somebody is still there. */
export const keepAliveEvery: Duration.Input = "15 seconds"
const keepAlive = Buffer.from(": keep-alive\n\n")

/** What a stream is written with. */
export interface StreamWriter {
  readonly requestId: string
  readonly trace: RequestTrace | undefined
  /** The answer has begun. */
  readonly begin: (reply: Reply) => void
  readonly frames: (events: ReadonlyArray<ChatEvent>) => string
  /** After the last event of a whole answer. */
  readonly end: () => string
  /** In place of the end. */
  readonly fail: (error: XRouterError) => string
}

type Bytes = Arr.NonEmptyReadonlyArray<Uint8Array>

export type Opening = Fiber.Fiber<Reply, ProviderFailure>

/** Waits for the first content as long as a client will wait for a status; undefined where it takes longer. */
export const settled = (
  opening: Opening,
  patience: Patience
): Effect.Effect<Exit.Exit<Reply, ProviderFailure> | undefined> =>
  Effect.callback((resume) => {
    const stopWaiting = patience.wait(() => {
      stopListening()
      resume(Effect.undefined)
    })
    const stopListening = opening.addObserver((exit) => {
      stopWaiting()
      resume(Effect.succeed(exit))
    })
    return Effect.sync(() => {
      stopWaiting()
      stopListening()
    })
  })

/**
 * An answer as server-sent events: exactly one end, `[DONE]` or an error frame. While nothing has come yet a comment every
 * 15 s keeps proxies and clients from giving up. Never fails: what goes wrong is a frame (and HttpApi's own failure event
 * cannot leak).
 */
export const chatStream = (opening: Opening, patience: Patience, writer: StreamWriter): Stream.Stream<Uint8Array> => {
  let rest: Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent>, ProviderFailure> | undefined
  let isOver = false
  let hasWaited = false

  const written = (events: ReadonlyArray<ChatEvent>): Pull.Pull<Bytes> => {
    let text = writer.frames(events)
    if (events.at(-1)?._tag === "Finished") {
      isOver = true
      text += writer.end()
    }
    return text === "" ? pull : Effect.succeed([Buffer.from(text)])
  }

  const broken = (cause: Cause.Cause<unknown>): Pull.Pull<Bytes> => {
    const error = errorOf(cause)
    // Broken off from outside: nobody is there to be told.
    if (error === undefined) return Effect.interrupt
    isOver = true
    const frame: Pull.Pull<Bytes> = Effect.succeed([Buffer.from(writer.fail(error))])
    return error.reason === "unexpected"
      ? Effect.andThen(
          Effect.logError("A stream failed", cause).pipe(
            Effect.annotateLogs(annotationsOf(writer.requestId, writer.trace))
          ),
          frame
        )
      : frame
  }

  const begin = Effect.suspend((): Pull.Pull<Bytes> => {
    const exit = opening.pollUnsafe()
    if (exit === undefined) {
      // The comment that commits the 200 goes at once, the next ones each after its wait.
      if (!hasWaited) {
        hasWaited = true
        return Effect.succeed([keepAlive])
      }
      return Effect.flatMap(settled(opening, patience), (exit) =>
        exit === undefined ? Effect.succeed([keepAlive]) : begin
      )
    }
    if (Exit.isFailure(exit)) return broken(exit.cause)
    rest = exit.value.rest
    writer.begin(exit.value)
    return written(exit.value.first)
  })

  const pull: Pull.Pull<Bytes> = Effect.suspend(() => {
    if (isOver) return Cause.done()
    if (rest === undefined) return begin
    return Effect.matchCauseEffect(rest, {
      onSuccess: written,
      onFailure: (cause) => (Pull.isDoneCause(cause) ? Cause.done() : broken(cause))
    })
  })

  return Stream.fromPull(Effect.succeed(pull))
}
