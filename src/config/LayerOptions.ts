import { Duration, Layer, type Redacted } from "effect"
import type { LimitSet } from "../domain/Principal.ts"
import { tierDefaults } from "./Defaults.ts"
import {
  type Calling,
  type CircuitSettings,
  type ModelAlias,
  type Price,
  Settings,
  type SettingsValue,
  type Timeouts,
  type ToolsWay
} from "./Settings.ts"
import { access, gateway, limits, telemetry } from "./Variables.ts"

type Named<A> = Readonly<Record<string, A>>

/** The four timers of a call: `{ firstToken: "20 seconds" }`. */
export type TimeoutOptions = { readonly [Timer in keyof Timeouts]?: Duration.Input }

/** How a provider is called, whoever made it. */
export interface CallingOptions {
  /** Most calls at once; as many as there are unless given. */
  readonly concurrency?: number
  /** Where a model has none of its own. */
  readonly timeouts?: TimeoutOptions
  /** So many failures in a row leave a model alone for so long. */
  readonly circuit?: { readonly failures?: number; readonly cooldown?: Duration.Input }
}

/** Decimal strings, for `per` tokens. */
export interface PriceOptions extends Omit<Price, "cachedInput"> {
  /** `input` unless given. */
  readonly cachedInput?: string
}

/** A public name over models of providers, each as `provider/model`. */
export interface ModelOptions {
  readonly candidates: ReadonlyArray<
    | string
    | {
        readonly model: string
        readonly weight?: number
        readonly tools?: ToolsWay
        readonly price?: PriceOptions
      }
  >
  /** Tried in order after the candidates. */
  readonly fallbacks?: ReadonlyArray<string>
  /** `weighted` unless given. */
  readonly strategy?: ModelAlias["strategy"]
  readonly timeouts?: TimeoutOptions
  /** Most calls of providers for one request, beside one of each candidate; 2 unless given. */
  readonly attempts?: number
  /** `prompt` for models without tools of their own; `native` unless given. */
  readonly tools?: ToolsWay
  readonly price?: PriceOptions
}

type Structures = "providers" | "models" | "tiers" | "modelLimits"
type Spans = "keyCacheTtl" | "drainGrace" | "drainTimeout"

/**
 * What an application may say to the layers, all of it optional. Each layer takes its own few of these; what is not given is as
 * `docs/configuration.md` says, and nothing is read from anywhere.
 */
export interface LayerOptions extends Partial<Omit<SettingsValue, Structures | Spans | "workers">> {
  readonly keyCacheTtl?: Duration.Input
  readonly drainGrace?: Duration.Input
  readonly drainTimeout?: Duration.Input
  /** How providers are called, by their names. */
  readonly calling?: Named<CallingOptions>
  readonly models?: Named<ModelOptions>
  /** In place of `free`, `pro` and `enterprise`. */
  readonly tiers?: Named<LimitSet>
  /** Of a `provider/model`, all callers together. */
  readonly modelLimits?: Named<LimitSet>
}

export const settingsOf = (options: LayerOptions): SettingsValue => {
  const { calling, drainGrace, drainTimeout, keyCacheTtl, modelLimits, models, tiers, ...scalars } = options
  const { host = gateway.host.fallback, port = gateway.port.fallback } = scalars
  return {
    host,
    port,
    workers: gateway.workers.fallback,
    publicUrl: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    dataDir: gateway.dataDir.fallback,
    databaseUrl: undefined,
    redisUrls: noUrls,
    adminKey: undefined,
    jwtSecrets: [],
    signup: access.signup.fallback,
    clientRegistration: access.clientRegistration.fallback,
    onRedisFailure: limits.onRedisFailure.fallback,
    expectedInstances: limits.expectedInstances.fallback,
    maxBody: gateway.maxBody.fallback,
    imageUrls: gateway.imageUrls.fallback,
    trustedProxies: access.trustedProxies.fallback,
    corsOrigins: access.corsOrigins.fallback,
    metricsToken: undefined,
    logFormat: "json",
    logLevel: telemetry.logLevel.fallback,
    tracing: undefined,
    metricsExport: undefined,
    logExport: undefined,
    ...scalars,
    keyCacheTtl: spanOf(keyCacheTtl) ?? access.keyCacheTtl.fallback,
    drainGrace: spanOf(drainGrace) ?? Duration.zero,
    drainTimeout: spanOf(drainTimeout) ?? gateway.drainTimeout.fallback,
    providers: mapOf(calling, (options) => ({ kind: "own", ...callingOf(options) })),
    models: mapOf(models, aliasOf),
    tiers: tiers === undefined ? tierDefaults : mapOf(tiers, (limits) => limits),
    modelLimits: mapOf(modelLimits, (limits) => limits)
  }
}

/** The settings as these options say. */
export const layerOptions = (options: LayerOptions): Layer.Layer<Settings> =>
  Layer.sync(Settings, () => settingsOf(options))

const noUrls: ReadonlyArray<Redacted.Redacted> = []

const mapOf = <A, B>(named: Named<A> | undefined, make: (value: A) => B): ReadonlyMap<string, B> =>
  new Map(Object.entries(named ?? {}).map(([name, value]) => [name, make(value)]))

const spanOf = (input: Duration.Input | undefined): Duration.Duration | undefined =>
  input === undefined ? undefined : Duration.fromInputUnsafe(input)

const timeoutsOf = ({ connect, firstToken, idle, total }: TimeoutOptions): Partial<Timeouts> => ({
  ...(connect === undefined ? {} : { connect: Duration.fromInputUnsafe(connect) }),
  ...(firstToken === undefined ? {} : { firstToken: Duration.fromInputUnsafe(firstToken) }),
  ...(idle === undefined ? {} : { idle: Duration.fromInputUnsafe(idle) }),
  ...(total === undefined ? {} : { total: Duration.fromInputUnsafe(total) })
})

const circuitOf = ({ cooldown, failures }: NonNullable<CallingOptions["circuit"]>): Partial<CircuitSettings> => ({
  ...(failures === undefined ? {} : { failures }),
  ...(cooldown === undefined ? {} : { cooldown: Duration.fromInputUnsafe(cooldown) })
})

const callingOf = ({ circuit, concurrency, timeouts }: CallingOptions): Calling => ({
  concurrency,
  ...(timeouts === undefined ? {} : { timeouts: timeoutsOf(timeouts) }),
  ...(circuit === undefined ? {} : { circuit: circuitOf(circuit) })
})

const priceOf = (price: PriceOptions | undefined): Price | undefined =>
  price === undefined ? undefined : { ...price, cachedInput: price.cachedInput }

const aliasOf = (options: ModelOptions): ModelAlias => ({
  candidates: options.candidates.map((candidate) =>
    typeof candidate === "string"
      ? { model: candidate, weight: 1 }
      : {
          model: candidate.model,
          weight: candidate.weight ?? 1,
          tools: candidate.tools,
          price: priceOf(candidate.price)
        }
  ),
  fallbacks: options.fallbacks ?? [],
  strategy: options.strategy ?? "weighted",
  timeouts: timeoutsOf(options.timeouts ?? {}),
  attempts: options.attempts,
  tools: options.tools,
  price: priceOf(options.price)
})
