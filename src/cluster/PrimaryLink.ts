import { Context, Effect, Latch } from "effect"
import { InternalError } from "../domain/Errors.ts"
import type { Series } from "../telemetry/Series.ts"
import { isToWorker, type ToPrimary } from "./Messages.ts"

/** What a worker has to do with its primary. */
export interface Link {
  /** Done when it is on its way, or nobody is there to take it. */
  readonly tell: (message: ToPrimary) => Effect.Effect<void>
  /** What all workers have measured. */
  readonly gather: Effect.Effect<ReadonlyArray<Series>, InternalError>
  /** Hears the numbers of the questions that the primary asks. */
  readonly onQuestion: (answer: (question: number) => void) => void
  /** Done when this process is to end: it was told so, or the primary is gone. */
  readonly stop: Effect.Effect<void>
  /** Done when nobody waits for the answers that run. */
  readonly haste: Effect.Effect<void>
  /** Done when the primary is gone. */
  readonly abandoned: Effect.Effect<void>
}

/** Undefined in a process that is alone. */
export const PrimaryLink = Context.Reference<Link | undefined>("xrouter/cluster/PrimaryLink", {
  defaultValue: () => undefined
})

/** The primary asks everybody, and waits for half of it. */
const patience = "3 seconds"

/** Listens to the primary for as long as the process lives. */
export const makeLink = (): Link => {
  const [stop, haste, abandoned] = [Latch.makeUnsafe(false), Latch.makeUnsafe(false), Latch.makeUnsafe(false)]
  const gatherings = new Map<number, (series: ReadonlyArray<Series>) => void>()
  let asked = 0
  let onQuestion: (question: number) => void = () => undefined

  const send = (message: ToPrimary, sent: () => void) => {
    if (process.send === undefined) sent()
    else process.send(message, undefined, undefined, sent)
  }

  process.on("message", (message) => {
    if (!isToWorker(message)) return
    switch (message._tag) {
      case "Stop":
        return void stop.openUnsafe()
      case "Hasten":
        return void haste.openUnsafe()
      case "Reload":
        // As though the signal had come here; where nobody listens for it yet the configuration has not been read.
        return void process.emit("SIGHUP")
      case "Measure":
        return onQuestion(message.question)
      case "Measured":
        gatherings.get(message.question)?.(message.series)
    }
  })
  process.once("disconnect", () => {
    abandoned.openUnsafe()
    stop.openUnsafe()
  })

  return {
    tell: (message) => Effect.callback((resume) => send(message, () => resume(Effect.void))),
    gather: Effect.callback<ReadonlyArray<Series>, InternalError>((resume) => {
      const question = asked++
      gatherings.set(question, (series) => resume(Effect.succeed(series)))
      send({ _tag: "Gather", question }, () => undefined)
      return Effect.sync(() => void gatherings.delete(question))
    }).pipe(Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(unanswered) })),
    onQuestion: (answer) => {
      onQuestion = answer
    },
    stop: stop.await,
    haste: haste.await,
    abandoned: abandoned.await
  }
}

const unanswered = new InternalError({
  reason: "unexpected",
  message: "The process that knows all workers does not answer, and the numbers of one would be taken for those of all"
})
