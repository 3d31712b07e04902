import * as NodeServices from "@effect/platform-node/NodeServices"
import { ConfigProvider, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { stripVTControlCharacters } from "node:util"
import { xrouter } from "../../src/cli/Xrouter.ts"

/** What a command came to. */
export interface Ran {
  readonly ok: boolean
  readonly out: string
  readonly err: string
}

/** The command with these arguments, separated by spaces, and with nothing else in its environment. */
export const run = (environment: Record<string, string>, line: string): Effect.Effect<Ran> =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Command.runWith(xrouter, { version: "0.0.0" })(line.split(" ")))
    const text = (lines: ReadonlyArray<unknown>) => stripVTControlCharacters(lines.join("\n"))
    return {
      ok: exit._tag === "Success",
      out: text(yield* TestConsole.logLines),
      err: text(yield* TestConsole.errorLines)
    }
  }).pipe(
    Effect.provide(
      Layer.mergeAll(
        NodeServices.layer,
        TestConsole.layer,
        ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment))
      ),
      { local: true }
    )
  )
