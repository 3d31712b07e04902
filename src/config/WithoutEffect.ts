import { Effect } from "effect"
import { namesBelow } from "./Environment.ts"
import type { Fault } from "./Faults.ts"
import type { ModelAlias, ProviderSettings, SettingsValue } from "./Settings.ts"

/**
 * What was set, is read and checked, and does nothing in this version: nobody shall take it for done. Their list for readers is in
 * `docs/configuration.md`.
 */
export const withoutEffect = Effect.fn("WithoutEffect.find")(function* (settings: SettingsValue) {
  const found: ReadonlyArray<Fault> = [
    ...access(settings),
    ...(yield* exports),
    ...[...settings.models].flatMap(ofModel),
    ...[...settings.providers].flatMap(ofProvider)
  ]
  return found
})

const access = ({ clientRegistration, databaseUrl, jwtSecrets, signup }: SettingsValue): ReadonlyArray<Fault> => [
  ...(signup === "open"
    ? [{ at: "XROUTER_SIGNUP", message: "is set, but this version has no sign-up yet; administrators make users" }]
    : []),
  ...(clientRegistration === "open"
    ? [{ at: "XROUTER_CLIENT_REGISTRATION", message: "is set, but this version has no OAuth yet" }]
    : []),
  // Beside a DATABASE_URL we demand it ourselves.
  ...(jwtSecrets.length > 0 && databaseUrl === undefined
    ? [{ at: "XROUTER_JWT_SECRETS", message: "is set, but this version issues no access tokens yet" }]
    : [])
]

const exports = Effect.map(namesBelow("OTEL"), (names) =>
  names
    .filter((name) => /^OTEL_EXPORTER_OTLP_(\w+_)?ENDPOINT$/.test(name))
    .map((at) => ({ at, message: "is set, but this version exports nothing by OTLP yet" }))
)

const ofModel = ([name, { price, strategy }]: readonly [string, ModelAlias]): ReadonlyArray<Fault> => [
  ...(strategy === "cheapest"
    ? [{ at: `models.${name}.strategy`, message: "is cheapest, which this version treats as ordered yet" }]
    : []),
  ...(price === undefined
    ? []
    : [{ at: `models.${name}.price`, message: "is set, but this version computes no cost yet" }])
]

const ofProvider = ([name, settings]: readonly [string, ProviderSettings]): ReadonlyArray<Fault> =>
  "concurrency" in settings && settings.concurrency !== undefined
    ? [{ at: `providers.${name}.concurrency`, message: "is set, but this version bounds no calls of a provider yet" }]
    : []
