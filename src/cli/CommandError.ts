import { Schema } from "effect"
import { CliError } from "effect/cli"

/** Ends a command: its message goes to standard error as it is, and the exit code is 1. */
export class CommandError extends Schema.TaggedError<CommandError>()("CommandError", { message: Schema.String }) {
  override get [CliError.userMessage](): string {
    return this.message
  }
}

/** The error's message and those of its causes: what the system or a server said is often the cause's cause. */
export const wordsOf = (error: unknown): string => [...new Set(messagesOf(error))].join(": ")

const messagesOf = (error: unknown): ReadonlyArray<string> =>
  error instanceof Error ? [error.message, ...messagesOf(error.cause)].filter((message) => message !== "") : []
