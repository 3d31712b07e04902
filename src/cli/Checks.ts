import { Console, Effect, Logger, Stream } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql/SqlClient"
import { unreadVariables } from "../config/Environment.ts"
import type { ConfigError, Fault } from "../config/Faults.ts"
import { readSettings } from "../config/ReadSettings.ts"
import { type ProviderSettings, Settings, type SettingsValue } from "../config/Settings.ts"
import { withoutEffect } from "../config/WithoutEffect.ts"
import type { Provider } from "../providers/Provider.ts"
import { Providers } from "../router/Providers.ts"
import { layerServer } from "../storage/Database.ts"
import * as RedisStore from "../storage/Redis.ts"
import { wordsOf } from "../ErrorWords.ts"
import { collectorChecks } from "./CollectorChecks.ts"
import { CommandError } from "./CommandError.ts"
import { printTable } from "./Output.ts"

/** What was looked at, and how it stands. */
interface Finding {
  readonly check: string
  readonly status: "ok" | "warning" | "failed"
  readonly message: string
}

/** Who says nothing for so long is not there. */
const patience = "20 seconds"

/** Reads the configuration and, where it is good, connects to everything that it names. Fails if anything did. */
export const runChecks = Effect.fn("Checks.run")(
  function* (json: boolean) {
    const findings = [
      ...(yield* warnings(unreadVariables)),
      ...(yield* Effect.matchEffect(readSettings(), { onFailure: faults, onSuccess: good }))
    ]
    yield* json
      ? Console.log(JSON.stringify({ checks: findings }, null, 2))
      : printTable(
          findings.map((finding) => ({ ...finding })),
          ""
        )
    const failed = findings.filter(({ status }) => status === "failed").length
    if (failed > 0) {
      return yield* new CommandError({ message: failed === 1 ? "1 check failed" : `${failed} checks failed` })
    }
  },
  // What stores say to the log meanwhile is not part of the report.
  Effect.provideService(Logger.LogToStderr, true)
)

const warnings = <E, R>(notices: Effect.Effect<ReadonlyArray<Fault>, E, R>) =>
  Effect.map(notices, (found) => found.map(({ at, message }): Finding => ({ check: at, status: "warning", message })))

const faults = ({ faults }: ConfigError): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.succeed(faults.map(({ at, message }) => ({ check: at, status: "failed", message })))

const good = Effect.fnUntraced(function* (settings: SettingsValue) {
  return [...(yield* warnings(withoutEffect(settings))), ...(yield* connections(settings))]
})

const connections = (settings: SettingsValue) =>
  Effect.all(
    [
      Effect.succeed<Finding>({ check: "configuration", status: "ok", message: `public URL ${settings.publicUrl}` }),
      outcome("database", database(settings)),
      outcome("redis", redis(settings)),
      ...collectorChecks(settings).map(({ attempt, check }) => outcome(check, attempt)),
      ...Array.from(settings.providers, ([name, provider]) =>
        outcome(`provider ${name}`, provided(settings, name, provider))
      )
    ],
    { concurrency: "unbounded" }
  )

/** Whatever goes wrong is a finding, and no check waits for ever. */
const outcome = <E extends { readonly message: string }, R>(check: string, attempt: Effect.Effect<string, E, R>) =>
  attempt.pipe(
    Effect.timeout(patience),
    Effect.match({
      onSuccess: (message): Finding => ({ check, status: "ok", message }),
      onFailure: ({ message }): Finding => ({ check, status: "failed", message })
    })
  )

const database = ({ databaseUrl, dataDir }: SettingsValue) =>
  databaseUrl === undefined
    ? Effect.succeed(`embedded, in ${dataDir}`)
    : Effect.gen(function* () {
        const sql = yield* SqlClient
        const [row] = yield* sql<{ version: string }>`SELECT current_setting('server_version') AS version`
        return `PostgreSQL ${row?.version ?? ""}`
      }).pipe(
        Effect.provide(layerServer(databaseUrl)),
        Effect.mapError((error) => ({ message: wordsOf(error) }))
      )

const redis = ({ redisUrls }: SettingsValue) =>
  redisUrls.length === 0
    ? Effect.succeed("off: limits are kept in the process, for one instance only")
    : Effect.gen(function* () {
        const { send } = yield* Redis.Redis
        // Why there is no connection is told by whoever keeps it, in the log.
        yield* send("ping").pipe(Effect.mapError(() => ({ message: "does not answer; the warning above says why" })))
        return redisUrls.length === 1 ? "answers" : `answers, a cluster by ${redisUrls.length} of its nodes`
      }).pipe(Effect.provide(RedisStore.layerUrls(redisUrls)))

/** Each with settings of its own, so that one that cannot even be set up hides no other. */
const provided = (settings: SettingsValue, name: string, provider: ProviderSettings) =>
  Effect.gen(function* () {
    const made = (yield* Providers).get(name)
    return made === undefined ? "not there" : yield* asked(made, provider.kind)
  }).pipe(
    Effect.provide(Providers.layerSettings),
    Effect.provideService(Settings, { ...settings, providers: new Map([[name, provider]]) })
  )

const asked = (provider: Provider, kind: ProviderSettings["kind"]) =>
  kind === "yandexgpt"
    ? Effect.as(oneToken(provider), "answers")
    : Effect.map(provider.models, (models) => `${models.length} models`)

/** Yandex has no list of models to ask for, and no other call that proves credentials, folder and rights together. */
const oneToken = Effect.fnUntraced(function* (provider: Provider) {
  const model = "yandexgpt-lite"
  const { events } = yield* provider.prepare({
    requestId: "check",
    model,
    request: { model, messages: [{ role: "user", content: "1" }], max_tokens: 1 }
  })
  yield* Stream.runDrain(events)
})
