import { Schema, SchemaIssue } from "effect"

/** One thing that is wrong with the configuration. Neither text ever holds the value: it may be a secret. */
export const Fault = Schema.Struct({
  /** A variable's name, or a file, its line and the path in it: `xrouter.yaml:7 models.smart.strategy`. */
  at: Schema.String,
  /** What is expected there. */
  message: Schema.String
})
export type Fault = typeof Fault.Type

/** The configuration cannot be used. Holds everything that is wrong with it, so that one round of corrections is enough. */
export class ConfigError extends Schema.TaggedError<ConfigError>()("ConfigError", { faults: Schema.Array(Fault) }) {
  override get message(): string {
    const count = this.faults.length === 1 ? "1 fault" : `${this.faults.length} faults`
    return [`The configuration has ${count}:`, ...this.faults.map(({ at, message }) => `  ${at}: ${message}`)].join(
      "\n"
    )
  }
}

/** Where faults are gathered while the rest is still being read. */
export class Faults {
  readonly #found: Array<Fault> = []

  add(at: string, message: string): void {
    this.#found.push({ at, message })
  }

  get all(): ReadonlyArray<Fault> {
    return this.#found
  }
}

/** One readable message for each issue of a schema, with its path; made of what was expected alone. */
export const describeIssues: (error: Schema.SchemaError) => ReadonlyArray<{
  readonly path: ReadonlyArray<string | number>
  readonly message: string
}> = (error) =>
  format(error.issue).issues.map(({ message, path = [] }) => ({
    message,
    path: path.map((step) => {
      const key = typeof step === "object" ? step.key : step
      return typeof key === "symbol" ? key.toString() : key
    })
  }))

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "MissingKey":
        return "is required"
      case "UnexpectedKey":
        return "is not a known key"
      default:
        return SchemaIssue.defaultLeafHook(issue)
    }
  }
})
