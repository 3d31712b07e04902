import { PlatformError } from "effect"

/** The error's message and those of its causes: what the system or a server said is often the cause's cause. */
export const wordsOf = (error: unknown): string => {
  const messages = errorsOf(error)
    .filter((each) => !isWrapping(each))
    .map(({ message }) => message)
  return [...new Set(messages)].filter((message) => message !== "").join(": ")
}

/** The error and its causes. */
export const errorsOf = (error: unknown): ReadonlyArray<Error> =>
  error instanceof Error ? [error, ...errorsOf(error.cause)] : []

/** Says in other words what its cause says. */
const isWrapping = (error: Error): boolean =>
  error instanceof PlatformError.PlatformError && error.cause instanceof Error
