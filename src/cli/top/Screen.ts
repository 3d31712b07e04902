import { type Cause, Effect, Queue, type Scope, Stdio, Terminal } from "effect"
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
}

/** A terminal that does not tell its size is taken for the usual one. */
export const openScreen: Effect.Effect<Screen, PlatformError, Terminal.Terminal | Stdio.Stdio | Scope.Scope> =
  Effect.gen(function* () {
    const terminal = yield* Terminal.Terminal
    const hasKeyboard = yield* (yield* Stdio.Stdio).stdinIsTerminal
    // What is acquired first is given back last: nothing that is typed shows up in between.
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
      left: keys === undefined ? Effect.never : Effect.ignore(quit(keys))
    }
  })

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
