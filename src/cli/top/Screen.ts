import { type Cause, Effect, Latch, Queue, type Scope, Stdio, Terminal } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { Size } from "./Drawing.ts"
import { coloured, type Line, widthOf } from "./Line.ts"

/** The whole terminal, for as long as the scope is open; what was on it before is there again afterwards. */
export interface Screen {
  readonly show: (lines: (size: Size) => ReadonlyArray<Line>) => Effect.Effect<void, PlatformError>
  /** Done with each change of its size, the first time at once. */
  readonly resized: Effect.Effect<void>
  /** Done when somebody wants to leave: q, Esc, Ctrl-C, Ctrl-D, or the keyboard's end. Never where there is no keyboard. */
  readonly left: Effect.Effect<void>
  /** Interrupts when the process is told to end by a signal of which Effect knows nothing. */
  readonly ended: Effect.Effect<never>
}

/** A terminal that does not tell its size is taken for the usual one. */
export const openScreen: Effect.Effect<Screen, PlatformError, Terminal.Terminal | Stdio.Stdio | Scope.Scope> =
  Effect.gen(function* () {
    const terminal = yield* Terminal.Terminal
    const hasKeyboard = yield* (yield* Stdio.Stdio).stdinIsTerminal
    // What is acquired first is given back last: another signal, or what is typed, does nothing in between.
    const ended = yield* endings
    const keys = hasKeyboard ? yield* terminal.readInput : undefined
    const sizes = yield* terminal.size
    yield* Effect.acquireRelease(terminal.display(enter), () => Effect.ignore(terminal.display(leave)))
    return {
      show: (draw) =>
        Effect.gen(function* () {
          const size = { columns: (yield* terminal.columns) || 80, rows: (yield* terminal.rows) || 24 }
          yield* terminal.display(frame(draw(size), size.columns))
        }),
      resized: Effect.ignore(Queue.take(sizes)),
      left: keys === undefined ? Effect.never : Effect.ignore(quit(keys)),
      ended
    }
  })

/** The terminal is closed, or Ctrl-\ pressed where there is no keyboard: Node would end at once and leave the terminal as it is. */
const endings = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const told = Latch.makeUnsafe()
      const onSignal = () => void told.openUnsafe()
      for (const signal of signals) process.on(signal, onSignal)
      return { told, onSignal }
    }),
    ({ onSignal }) =>
      Effect.sync(() => {
        for (const signal of signals) process.off(signal, onSignal)
      })
  ),
  ({ told }) => Effect.andThen(told.await, Effect.interrupt)
)

/** As `SIGINT` and `SIGTERM`, which Effect heeds by itself. */
const signals = ["SIGHUP", "SIGQUIT"] as const

const quit = (keys: Queue.Dequeue<Terminal.UserInput, Cause.Done>) =>
  Effect.repeat(Queue.take(keys), { until: ({ key }) => key.name === "q" })

/** The alternate screen, without a cursor, and with long lines cut instead of broken (xterm's control sequences, DECSET 1049, 25 and 7). */
const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l"
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l"

/**
 * Drawn over the one before, so that nothing flickers: each line clears its rest, the last one what is below. A line that is full has no
 * rest: after it the cursor stands on its last character.
 */
const frame = (lines: ReadonlyArray<Line>, columns: number): string =>
  `\u001b[H${lines.map((line) => coloured(line) + (widthOf(line) < columns ? "\u001b[K" : "")).join("\r\n")}\u001b[J`
