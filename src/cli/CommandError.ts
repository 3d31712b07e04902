import { Schema } from "effect"
import { CliError } from "effect/cli"

/** Ends a command: its message goes to standard error as it is, and the exit code is 1. */
export class CommandError extends Schema.TaggedError<CommandError>()("CommandError", { message: Schema.String }) {
  override get [CliError.userMessage](): string {
    return this.message
  }
}
