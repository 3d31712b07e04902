import { Effect, Fiber, Option, Schedule, Schema } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { InternalError } from "../domain/Errors.ts"

/**
 * Longer than the server's own `statement_timeout`, which ends what is merely slow: this ends the wait for a connection that is
 * not to be had and for a server that does not answer at all.
 */
const patience = "2500 millis"

type Span = `${number} ${"millis" | "second" | "seconds"}`

type Ours = SqlError | Schema.SchemaError

/**
 * A question to the database as services ask it: answered within its time, asked again where two transactions stood in each
 * other's way, and failing with `InternalError`: `database_unavailable` where another moment may bring the answer,
 * `unexpected` where it is our fault.
 */
export const query = <A, E, R>(
  ask: Effect.Effect<A, E | Ours, R>,
  /** Where it is another than usual. A question that may take longer lifts `statement_timeout` for itself too. */
  longest: Span = patience
): Effect.Effect<A, Exclude<E | Ours, Ours> | InternalError, R> =>
  withPatience(ask, longest).pipe(
    Effect.retry({
      while: (error) => error instanceof SqlError && isConflict(error),
      times: 3,
      schedule: Schedule.jittered(Schedule.exponential("10 millis"))
    }),
    Effect.mapError((error) => (isNotOurs<E>(error) ? error : toInternalError(error)))
  )

const isNotOurs = <E>(error: E | Ours): error is Exclude<E | Ours, Ours> =>
  !(error instanceof SqlError || Schema.isSchemaError(error))

/** What the failure of a question means for whoever asked. */
export const toInternalError = (error: unknown): InternalError =>
  error instanceof SqlError && isOutage(error)
    ? InternalError.databaseUnavailable(error)
    : new InternalError({ reason: "unexpected", message: "The request failed for a reason on our side", cause: error })

/** True where nothing is wrong with the question: the database is away, starting, overloaded, or not migrated yet. */
export const isOutage = (error: SqlError): boolean => {
  switch (error.reason._tag) {
    case "ConnectionError":
    case "AuthenticationError":
    case "StatementTimeoutError":
    case "LockTimeoutError":
    case "DeadlockError":
    case "SerializationError":
      return true
    default:
      return outages.test(codeOf(error) ?? "")
  }
}

/**
 * PostgreSQL documentation, "Error Codes": out of resources (53), shut down, crashed or starting (57P), system error (58), read-only
 * after a failover (25006), no such database (3D000), and tables (42P01) or columns (42703) that a running migration will bring.
 */
const outages = /^(53...|57P..|58...|25006|3D000|42P01|42703)$/

const isConflict = (error: SqlError): boolean =>
  error.reason._tag === "DeadlockError" || error.reason._tag === "SerializationError"

/** PostgreSQL's code of an error (SQLSTATE), where it gave one. */
export const codeOf = ({ reason: { cause } }: SqlError): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined

/**
 * A statement that is interrupted first waits for the server to confirm it; a server that hangs does not. So the statement goes
 * on in a fiber of its own, and whoever waited is told in time.
 */
const withPatience = <A, E, R>(ask: Effect.Effect<A, E, R>, longest: Span): Effect.Effect<A, E | SqlError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDetach(restore(ask), { startImmediately: true })
      const exit = yield* restore(Fiber.await(fiber)).pipe(
        Effect.timeoutOption(longest),
        Effect.onInterrupt(() => Effect.sync(() => fiber.interruptUnsafe()))
      )
      if (Option.isSome(exit)) return yield* exit.value
      fiber.interruptUnsafe()
      return yield* new SqlError({
        reason: new ConnectionError({
          cause: new Error(`no answer within ${longest}`),
          message: "The database does not answer"
        })
      })
    })
  )
