import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"

/** Counts the statements that reach a database, and lets it be away or hang. */
export class DatabaseSwitch extends Context.Service<
  DatabaseSwitch,
  { statements: number; state: "there" | "away" | "hanging" }
>()("test/DatabaseSwitch") {
  static readonly layer = Layer.sync(DatabaseSwitch, () => ({ statements: 0, state: "there" as const }))
}

export const switched = <A extends SqlClient, E, R>(database: Layer.Layer<A | SqlClient, E, R>) =>
  Layer.effect(
    SqlClient,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const control = yield* DatabaseSwitch
      const away = new SqlError({ reason: new ConnectionError({ cause: new Error("away") }) })
      const statement = (strings: TemplateStringsArray, ...values: ReadonlyArray<unknown>) =>
        Effect.suspend(() => {
          control.statements++
          if (control.state === "away") return Effect.fail(away)
          return control.state === "hanging" ? Effect.never : sql(strings, ...values)
        })
      // Fragments and helpers go on to the client; what is a template is a statement.
      return new Proxy(sql, {
        apply: (target, self, args) => {
          const [strings, ...values] = args
          return isTemplate(strings) && /^\s*(SELECT|UPDATE|INSERT|WITH)/.test(strings.join(""))
            ? Object.assign(target(strings, ...values), { [Symbol.iterator]: () => statement(strings, ...values)[Symbol.iterator]() })
            : Reflect.apply(target, self, args)
        }
      })
    })
  ).pipe(Layer.provideMerge(DatabaseSwitch.layer), Layer.provide(database))

const isTemplate = (value: unknown): value is TemplateStringsArray => Array.isArray(value) && "raw" in value
