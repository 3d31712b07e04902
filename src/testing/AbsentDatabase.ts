import { Effect, Layer } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { makeCompilerSqlite } from "effect/sql/Statement"

const absent = new SqlError({
  reason: new ConnectionError({ cause: new Error("There is no database in this test"), message: "No database" })
})

/** A database that is away, always: whatever asks it fails as it does in an outage. */
export const AbsentDatabase = Layer.effect(
  SqlClient.SqlClient,
  SqlClient.make({
    acquirer: Effect.fail(absent),
    // Nothing is ever put into its words.
    compiler: makeCompilerSqlite(),
    driver: "absent",
    spanAttributes: []
  })
).pipe(Layer.provide(Reactivity.layer))
