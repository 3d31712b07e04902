import { Command } from "effect/cli"
import { check } from "./Check.ts"
import { clients } from "./ClientCommands.ts"
import { keys } from "./KeyCommands.ts"
import { serve } from "./Serve.ts"
import { top } from "./TopCommand.ts"
import { users } from "./UserCommands.ts"

/** The whole command. */
export const xrouter = Command.make("xrouter").pipe(
  Command.withDescription("XRouter, an OpenAI-compatible gateway for language models"),
  Command.withSubcommands([serve, check, top, users, keys, clients])
)
