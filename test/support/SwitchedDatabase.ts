import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Client from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { eventually } from "./Eventually.ts"

/** Counts the statements that reach a database, and lets it be away, or hang until it no longer does. */
export class DatabaseSwitch extends Context.Service<
  DatabaseSwitch,
  { statements: number; state: "there" | "away" | "hanging" }
>()("test/DatabaseSwitch") {}

const away = new SqlError({ reason: new ConnectionError({ cause: new Error("away") }) })

/** The database behind a switch that stands where connections are handed out. */
export const switched = <A, E, R>(database: Layer.Layer<A | Client.SqlClient, E, R>) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const sql = yield* Client.SqlClient
      const control: DatabaseSwitch["Service"] = { statements: 0, state: "there" }
      const client = yield* Client.make({
        acquirer: Effect.suspend(() => {
          control.statements++
          if (control.state === "away") return Effect.fail(away)
          const answers = eventually(Effect.sync(() => control.state !== "hanging"))
          return control.state === "hanging" ? Effect.andThen(answers, sql.reserve) : sql.reserve
        }),
        compiler: PgClient.makeCompiler(),
        driver: "pg",
        spanAttributes: []
      })
      return Context.make(Client.SqlClient, client).pipe(Context.add(DatabaseSwitch, control))
    })
  ).pipe(Layer.provide([database, Reactivity.layer]))
