import { Effect, Stdio } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { CommandError } from "./CommandError.ts"
import { findMetrics } from "./GatewayAddress.ts"
import { watchOnce, watchOnPaper, watchOnScreen } from "./top/Watch.ts"

const interval = Flag.Finite("interval").pipe(
  Flag.withAlias("n"),
  Flag.withMetavar("seconds"),
  Flag.withDescription("Between two looks, 2 where nothing is said"),
  Flag.filter(
    (seconds) => seconds >= 0.1 && seconds <= 3600,
    () => "Expected seconds from 0.1 to 3600"
  ),
  Flag.withDefault(2)
)

const once = Flag.Boolean("once").pipe(
  Flag.withDescription("Look twice, print what happened in between, and end; for scripts"),
  Flag.withDefault(false)
)

export const top = Command.make(
  "top",
  { interval, once },
  Effect.fn(
    function* ({ interval, once }) {
      const watched = { ...(yield* findMetrics()), interval: interval * 1000 }
      const isOnScreen = yield* (yield* Stdio.Stdio).stdoutIsTerminal
      yield* once ? watchOnce(watched) : isOnScreen ? watchOnScreen(watched) : watchOnPaper(watched)
    },
    Effect.mapError(({ message }) => new CommandError({ message }))
  )
).pipe(
  Command.withDescription("Watch a running gateway: requests, latency, providers, limits, cost"),
  Command.withExamples([
    { command: "xrouter top", description: "Until q is pressed" },
    { command: "xrouter top --once --interval 10", description: "What the next ten seconds bring, as text" }
  ]),
  Command.provide(FetchHttpClient.layer)
)
