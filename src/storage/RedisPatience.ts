import { Effect } from "effect"

/** How long a command waits for its answer, in milliseconds, before its caller is told that Redis is away. */
export const patienceMillis = 50

const turns = 3

interface Waiting {
  turnsSeen: number
  giveUp: (() => void) | undefined
}

/**
 * Ends the wait for commands that get no answer. One fiber looks at all that are waiting, a few times within the
 * patience, and sleeps for good when there is none: a timer for each command would cost more than the command. A look
 * counts once, however long the event loop was stuck before it, so that a process that was busy does not blame Redis
 * for answers that it had no time to read.
 */
export class Patience {
  readonly #waiting = new Set<Waiting>()
  readonly millis: number
  readonly #fork: (effect: Effect.Effect<void>) => unknown
  #looking = false

  constructor(millis: number, fork: (effect: Effect.Effect<void>) => unknown) {
    this.millis = millis
    this.#fork = fork
  }

  /** Calls `giveUp` once, unless the answer is `done` before. */
  wait(giveUp: () => void): { readonly done: () => void } {
    const waiting: Waiting = { turnsSeen: 0, giveUp }
    this.#waiting.add(waiting)
    if (!this.#looking) {
      this.#looking = true
      this.#fork(this.#look)
    }
    const done = () => {
      this.#waiting.delete(waiting)
      // An old table of the set may hold it still (`Roster`): at least not the requests with it.
      waiting.giveUp = undefined
    }
    return { done }
  }

  readonly #look: Effect.Effect<void> = Effect.suspend(() => {
    this.#looking = this.#waiting.size > 0
    return this.#looking ? Effect.andThen(Effect.sleep(Math.floor(this.millis / turns)), this.#turn) : Effect.void
  })

  readonly #turn: Effect.Effect<void> = Effect.suspend(() => {
    for (const waiting of this.#waiting) {
      waiting.turnsSeen += 1
      if (waiting.turnsSeen < turns) continue
      this.#waiting.delete(waiting)
      waiting.giveUp?.()
    }
    return this.#look
  })
}
