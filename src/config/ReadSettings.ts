import { isatty } from "node:tty"
import { Duration, Effect } from "effect"
import { readText, readVariable } from "./Environment.ts"
import { ConfigError, Faults } from "./Faults.ts"
import { readSections } from "./FileSchema.ts"
import { readExports } from "./ReadExports.ts"
import { readModelLimits, readModels, readTiers } from "./ReadModels.ts"
import { providersOfEnvironment, providersOfFile } from "./ReadProviders.ts"
import type { ProviderSettings, SettingsValue } from "./Settings.ts"
import type { Variable } from "./Variable.ts"
import { access, gateway, limits, stores, telemetry } from "./Variables.ts"
import { readYamlFile } from "./YamlFile.ts"

/**
 * Reads the environment (through Effect's `ConfigProvider`), then the file. Goes on past every fault, so that all of them are
 * told at once.
 */
export const readSettings = Effect.fn("Settings.read")(function* () {
  const faults = new Faults()
  const scalars = yield* readScalars(faults)
  const structures = yield* readStructures(faults)
  if (faults.all.length > 0) return yield* new ConfigError({ faults: faults.all })
  const settings: SettingsValue = { ...scalars, ...structures }
  return settings
})

const standardOutput = 1

const drainGrace = Duration.seconds(2)

const readScalars = Effect.fnUntraced(function* (faults: Faults) {
  const read = <A>(variable: Variable<A>) => readVariable(variable, faults)
  const host = yield* read(gateway.host)
  const port = yield* read(gateway.port)
  const workers = yield* read(gateway.workers)
  const databaseUrl = yield* read(stores.databaseUrl)
  const jwtSecrets = yield* read(access.jwtSecrets)
  // Instances on one database verify each other's tokens, so none may make up secrets of its own.
  if (databaseUrl !== undefined && (yield* readText(access.jwtSecrets.name, faults)) === undefined) {
    faults.add(
      access.jwtSecrets.name,
      `is required beside ${stores.databaseUrl.name}: kid:base64 of at least 32 random bytes, which openssl rand -base64 32 makes`
    )
  }
  // What one of several processes kept for itself the others would not know of.
  for (const { name } of workers === 1 ? [] : [stores.databaseUrl, stores.redisUrls]) {
    if ((yield* readText(name, faults)) !== undefined) continue
    faults.add(name, `is required where ${gateway.workers.name} is above 1 (${workers} here): the processes share it`)
  }
  return {
    host,
    port,
    workers,
    publicUrl: (yield* read(gateway.publicUrl)) ?? `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    dataDir: yield* read(gateway.dataDir),
    databaseUrl,
    redisUrls: yield* read(stores.redisUrls),
    adminKey: yield* read(access.adminKey),
    jwtSecrets,
    signup: yield* read(access.signup),
    clientRegistration: yield* read(access.clientRegistration),
    onRedisFailure: yield* read(limits.onRedisFailure),
    expectedInstances: (yield* read(limits.expectedInstances)) * workers,
    keyCacheTtl: yield* read(access.keyCacheTtl),
    drainTimeout: yield* read(gateway.drainTimeout),
    // Nobody balances over instances where there can be only one.
    drainGrace: (yield* read(gateway.drainGrace)) ?? (databaseUrl === undefined ? Duration.zero : drainGrace),
    maxBody: yield* read(gateway.maxBody),
    imageUrls: yield* read(gateway.imageUrls),
    trustedProxies: yield* read(access.trustedProxies),
    corsOrigins: yield* read(access.corsOrigins),
    metricsToken: yield* read(telemetry.metricsToken),
    logFormat: (yield* read(telemetry.logFormat)) ?? (isatty(standardOutput) ? "pretty" : "json"),
    logLevel: yield* read(telemetry.logLevel),
    ...(yield* readExports(faults))
  }
})

const readStructures = Effect.fnUntraced(function* (faults: Faults) {
  const file = yield* readYamlFile(yield* readVariable(gateway.config, faults), faults)
  const sections = readSections(file, faults)
  const ofEnvironment = yield* providersOfEnvironment(faults)
  const ofFile = yield* providersOfFile(sections.providers, file, ofEnvironment, faults)
  const providers = new Map([...ofEnvironment, ...ofFile])
  const isSandboxOn = (yield* readVariable(gateway.sandbox, faults)) ?? providers.size === 0
  if (isSandboxOn) providers.set("sandbox", { kind: "sandbox" })
  return {
    providers: complete(providers),
    models: readModels(sections.models, file, providers, faults),
    tiers: readTiers(sections.tiers, file, faults),
    modelLimits: readModelLimits(sections.limits, file, providers, faults)
  }
})

const complete = (
  providers: ReadonlyMap<string, ProviderSettings | undefined>
): ReadonlyMap<string, ProviderSettings> =>
  new Map([...providers].flatMap(([name, settings]) => (settings === undefined ? [] : [[name, settings] as const])))
