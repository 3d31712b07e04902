import { Console, Effect, type Redacted, Result } from "effect"
import { draw, type Scene } from "./Drawing.ts"
import { anotherProcess, type History, remember, viewOfAll } from "./History.ts"
import { plain } from "./Line.ts"
import { look, ticks } from "./Look.ts"
import { openScreen } from "./Screen.ts"

export interface Watched {
  readonly url: string
  readonly token: Redacted.Redacted | undefined
  /** Milliseconds between two looks. */
  readonly interval: number
}

/** Looks twice and prints what has happened in between. Fails where one of the looks does. */
export const watchOnce = Effect.fn("Watch.once")(function* ({ interval, token, url }: Watched) {
  const first = yield* look(url, token)
  yield* Effect.sleep(interval)
  const second = yield* look(url, token)
  const history = remember([first], second, Number.POSITIVE_INFINITY)
  if (history.length === 1) return yield* anotherProcess(url)
  yield* print({ url, view: viewOfAll(history), trouble: undefined })
})

/** Looks again and again, each time over what it printed before; until somebody wants to leave. */
export const watchOnScreen = Effect.fn("Watch.onScreen")(function* (watched: Watched) {
  const screen = yield* openScreen
  let scene: Scene = { url: watched.url, view: undefined, trouble: undefined }
  const show = Effect.suspend(() => screen.show((size) => draw(scene, size)))
  const looks = lookOn(watched, (next) => {
    scene = next
    return show
  })
  const resizes = Effect.forever(Effect.andThen(screen.resized, show))
  yield* Effect.raceAllFirst([screen.left, screen.ended, looks, resizes, readerGone])
}, Effect.scoped)

/** The same for whoever is not a terminal: one text after the other, with an empty line between, for as long as somebody reads. */
export const watchOnPaper = Effect.fn("Watch.onPaper")((watched: Watched) =>
  Effect.raceAllFirst([lookOn(watched, (scene) => Effect.andThen(print(scene), Console.log(""))), readerGone])
)

/** As after `| head`, or a terminal that was closed. It is listened to until the process ends: each further write would fail as well. */
const readerGone = Effect.callback<void>((resume) => {
  process.stdout.on("error", () => resume(Effect.void))
})

/** A gateway that is away is waited for. */
const lookOn = <E, R>({ interval, token, url }: Watched, show: (scene: Scene) => Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    let history: History | undefined
    while (true) {
      const startedAt = yield* ticks
      const seen = yield* Effect.result(look(url, token))
      if (Result.isSuccess(seen)) history = remember(history ?? [], seen.success, Math.max(memory, 2 * interval))
      yield* show({
        url,
        view: history === undefined ? undefined : viewOfAll(history),
        trouble: Result.isFailure(seen) ? `${seen.failure.message}. Looking again` : undefined
      })
      yield* Effect.sleep(Math.max(0, startedAt + interval - (yield* ticks)))
    }
  })

/** Rates over some seconds do not jump about as those over one do. */
const memory = 10_000

const print = (scene: Scene) =>
  Console.log(draw(scene, { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY }).map(plain).join("\n"))
