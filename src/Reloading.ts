import { Duration, Effect, FileSystem, Layer, Queue, Schedule, Semaphore } from "effect"
import { isatty } from "node:tty"
import { Reload } from "./config/Reload.ts"
import { Settings } from "./config/Settings.ts"
import { OpenRequests } from "./gateway/OpenRequests.ts"
import type { ProviderDifference } from "./router/ProviderDifference.ts"
import { ReloadableProviders } from "./router/ReloadableProviders.ts"
import { longestTotal } from "./router/Timeouts.ts"

/** So often the file is looked at; what it says counts once it has been the same twice, so that nobody reads half of it. */
const lookEvery = "1 second"

/** So often it is looked whether a provider that is the gateway's no more still serves somebody. */
const visitEvery = "1 second"

const standardOutput = 1

/** Reads the file again when it changes, and at SIGHUP. What cannot be used is told, and what was read before stays. */
export const Reloading = Layer.effectDiscard(
  Effect.gen(function* () {
    const { file, read } = yield* Reload
    const settings = yield* Settings
    const providers = yield* ReloadableProviders
    const requests = yield* OpenRequests
    const files = yield* FileSystem.FileSystem
    const scope = yield* Effect.scope
    const one = yield* Semaphore.make(1)

    /**
     * Waits for the requests of now to end: those that hold an old provider are among them, and none that comes later does. So no request
     * need tell whom it holds.
     */
    const ended = (patience: Duration.Duration) => {
      const running = requests.allPlaces()
      const left = Effect.sync(() => running.filter(({ item }) => item !== undefined).length)
      return Effect.repeat(left, { until: (count) => count === 0, schedule: Schedule.spaced(visitEvery) }).pipe(
        Effect.timeout(patience)
      )
    }

    const applied = Effect.gen(function* () {
      const change = yield* read
      if (change === undefined) return undefined
      const { apply, close, difference } = yield* providers.update(change.providers)
      const patience = longestTotal(settings)
      // One step: no request sees the new settings with the old providers.
      change.apply()
      apply()
      const retired = [...difference.changed, ...difference.removed]
      if (retired.length > 0) {
        const what = `Closed what ${retired.join(", ")} had been before`
        const closing = Effect.matchEffect(ended(patience), {
          onFailure: () => Effect.andThen(close, Effect.logWarning(`${what}: what still ran has had its time`)),
          onSuccess: () => Effect.andThen(close, Effect.logInfo(`${what}: nobody is served by it any more`))
        })
        yield* Effect.forkIn(closing, scope)
      }
      return difference
    }).pipe(Effect.uninterruptible, one.withPermit)

    const reload = Effect.matchEffect(applied, {
      onFailure: ({ message }) => Effect.logError(`${file} is refused, what was read before stays. ${message}`),
      onSuccess: (difference) =>
        Effect.logInfo(
          difference === undefined
            ? `${file} changes nothing`
            : `${file} was read again: providers, models, tiers and limits are as it says now${words(difference)}`
        )
    })

    /** Undefined where there is none, or none that can be read. */
    const text = Effect.orElseSucceed(files.readFileString(file), () => undefined)
    let known = yield* text
    let seen = known
    const look = Effect.flatMap(text, (now) => {
      const isSettled = now === seen
      seen = now
      if (!isSettled || now === known) return Effect.void
      known = now
      return reload
    })
    yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced(lookEvery)))

    // In a terminal it means that the terminal is gone, and that nobody wants to see us there any more.
    if (isatty(standardOutput)) return
    const hangups = yield* Queue.sliding<void>(1)
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const onHangup = () => Queue.offerUnsafe(hangups, undefined)
        process.on("SIGHUP", onHangup)
        return onHangup
      }),
      (onHangup) => Effect.sync(() => process.off("SIGHUP", onHangup))
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(hangups), reload)))
  })
)

/** `; new: mine, yours; made anew: openai; removed: old` */
const words = ({ added, changed, removed }: ProviderDifference): string =>
  [
    ["new", added],
    ["made anew", changed],
    ["removed", removed]
  ]
    .map(([what, names]) => (names === undefined || names.length === 0 ? "" : `; ${what}: ${[...names].join(", ")}`))
    .join("")
