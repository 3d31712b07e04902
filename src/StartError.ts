import { Runtime, Schema } from "effect"
import { errorsOf, wordsOf } from "./ErrorWords.ts"
import { withoutWords } from "./Uncaught.ts"

/** The gateway cannot start. `message` is for whoever started it, whole and without a stack. */
export class StartError extends Schema.TaggedError<StartError>()("StartError", {
  message: Schema.String,
  /** 1, unless another process has ended with another one. */
  exitCode: Schema.optionalKey(Schema.Int)
}) {
  /** Whoever runs the process shows the message. */
  override readonly [Runtime.errorReported] = false
  override readonly [Runtime.errorExitCode] = this.exitCode ?? 1

  static from(this: void, error: unknown): StartError {
    if (error instanceof StartError) return error
    return new StartError({ message: listenFault(error) ?? wordsOf(error) })
  }

  /** A fault of the program. Where it is says the stack; whatever else hangs on the error stays unsaid. */
  static fromDefect(this: void, defect: unknown): StartError {
    const { error, error_code: code, stack } = withoutWords(defect)
    const place = stack === undefined ? "" : `\n${stack.replaceAll(/^/gm, "    ")}`
    return new StartError({
      message: `XRouter has a fault and cannot go on (${code === undefined ? error : `${error}, ${code}`}). ${wordsOf(defect)}${place}`
    })
  }
}

/** Why the system gives us no port, and which variable is to be set. */
const listenFault = (error: unknown): string | undefined => {
  const refusal = errorsOf(error).find(isRefusal)
  switch (refusal?.code) {
    case "EADDRINUSE":
      return `Port ${refusal.port} of ${refusal.address} is in use. Stop the process that listens there, or set XROUTER_PORT to another`
    case "EACCES":
      return `This user may not listen on port ${refusal.port}. Set XROUTER_PORT to one that it may, above 1023`
    case "EADDRNOTAVAIL":
      return `This machine has no address ${refusal.address}. Set XROUTER_HOST to one that it has, or to 0.0.0.0 for all of them`
    case "ENOTFOUND":
      return `${refusal.hostname} is no address and no name of this machine. Set XROUTER_HOST to an address`
    default:
      return undefined
  }
}

/** As Node refuses to listen (its documentation, "Class: SystemError"). */
interface Refusal extends Error {
  readonly code: unknown
  readonly address?: unknown
  readonly hostname?: unknown
  readonly port?: unknown
}

/** The calls that fail; `bind` is that of a primary, for its workers. */
const listening: ReadonlySet<unknown> = new Set(["listen", "bind", "getaddrinfo"])

const isRefusal = (error: Error): error is Refusal =>
  "code" in error && "syscall" in error && listening.has(error.syscall)
