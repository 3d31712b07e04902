import { Context, type Duration, Layer, type Redacted } from "effect"
import type { LimitSet } from "../domain/Principal.ts"
import { readSettings } from "./ReadSettings.ts"
import type { VendorName } from "./Vendors.ts"

/** Everything that an operator can set, decoded once (CONTRACT, "Configuration"). */
export interface SettingsValue {
  readonly host: string
  readonly port: number
  /** Processes that answer there; above 1 only where there are a `databaseUrl` and `redisUrls` for them to share. */
  readonly workers: number
  /** OAuth issuer and base of links, byte for byte. */
  readonly publicUrl: string
  readonly dataDir: string
  /** PostgreSQL's URL; undefined: PGlite in the data folder. */
  readonly databaseUrl: Redacted.Redacted | undefined
  /** One URL, or several of a cluster; empty: the in-process limiter. */
  readonly redisUrls: ReadonlyArray<Redacted.Redacted>
  /** As set; in embedded mode a missing one is generated (`storage/Secrets.ts`). */
  readonly adminKey: Redacted.Redacted | undefined
  readonly jwtSecrets: ReadonlyArray<JwtSecret>
  readonly signup: "open" | "closed"
  readonly clientRegistration: "open" | "closed"
  readonly onRedisFailure: "share" | "closed" | "open"
  /** Processes, those of one port each for itself. */
  readonly expectedInstances: number
  readonly keyCacheTtl: Duration.Duration
  /** The first part of `drainTimeout`: not ready, and serving still. */
  readonly drainGrace: Duration.Duration
  readonly drainTimeout: Duration.Duration
  /** Bytes. */
  readonly maxBody: number
  /** Whether images at https addresses are fetched, for providers that take images as files. */
  readonly imageUrls: boolean
  readonly trustedProxies: ReadonlyArray<string>
  /** `["*"]`, or the origins that are let in. */
  readonly corsOrigins: ReadonlyArray<string>
  readonly metricsToken: Redacted.Redacted | undefined
  readonly logFormat: "pretty" | "json"
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error"
  /** Undefined where no traces are exported. */
  readonly tracing: TracingSettings | undefined
  /** Undefined where no metrics are exported; `/metrics` shows them in any case. */
  readonly metricsExport?: MetricsExportSettings | undefined
  /** Undefined where the log is not exported; it is on the standard output in any case. */
  readonly logExport?: LogExportSettings | undefined
  /**
   * By name; the sandbox is among them where it is on. These four are as the file says now (`Reload.ts`): whoever keeps what it has made of
   * one of them compares the map with the one that it was made of.
   */
  readonly providers: ReadonlyMap<string, ProviderSettings>
  /** Public names over provider models. */
  readonly models: ReadonlyMap<string, ModelAlias>
  readonly tiers: ReadonlyMap<string, LimitSet>
  /** Token limits of a `provider/model`, all callers together. */
  readonly modelLimits: ReadonlyMap<string, LimitSet>
}

/** How one signal reaches a collector, in the terms of OpenTelemetry's specification. */
export interface CollectorSettings {
  /** The whole URL. */
  readonly endpoint: string
  readonly headers: Redacted.Redacted<ReadonlyArray<readonly [name: string, value: string]>> | undefined
  readonly protocol: "http/protobuf" | "http/json"
  /** Of one batch. */
  readonly timeout: Duration.Duration
  /** Attributes of this instance, `service.name` among them. */
  readonly resource: ReadonlyMap<string, string>
}

interface BatchSettings {
  /** Most items that wait, and that are sent at once. */
  readonly queueSize: number
  readonly batchSize: number
  /** How long an item waits for others at most. */
  readonly interval: Duration.Duration
}

export interface MetricsExportSettings extends CollectorSettings {
  /** From one export to the next. */
  readonly interval: Duration.Duration
}

export interface LogExportSettings extends CollectorSettings, BatchSettings {}

export interface TracingSettings extends CollectorSettings, BatchSettings {
  readonly sampler: {
    readonly name:
      | "always_on"
      | "always_off"
      | "traceidratio"
      | "parentbased_always_on"
      | "parentbased_always_off"
      | "parentbased_traceidratio"
    /** Of requests, with a ratio: 0 to 1. */
    readonly share: number
  }
}

export interface JwtSecret {
  readonly kid: string
  /** Base64, with or without padding, of at least 32 bytes. */
  readonly secret: Redacted.Redacted
}

interface Tls {
  /** PEM file, added to the system's roots for this provider alone. */
  readonly caBundleFile: string | undefined
}

/** How a provider is called, whatever its kind. */
export interface Calling {
  /** Most calls at once. */
  readonly concurrency: number | undefined
  /** Where a model has none of its own. */
  readonly timeouts?: Partial<Timeouts> | undefined
  readonly circuit?: Partial<CircuitSettings> | undefined
  /** False: `n` above 1 is refused where it would be several calls. */
  readonly fanOut?: boolean | undefined
  /** Whether it is told which trace a request belongs to: only where it is the operator's own, or as trusted. */
  readonly propagateTrace?: boolean | undefined
}

export interface CircuitSettings {
  /** So many failures in a row open it. */
  readonly failures: number
  /** How long it stays open before one call tries again. */
  readonly cooldown: Duration.Duration
}

export interface GigaChatSettings extends Tls, Calling {
  readonly kind: "gigachat"
  /** The authorization key as Sber gives it: base64 of `client_id:client_secret`. */
  readonly credentials: Redacted.Redacted | undefined
  /** A ready access token, never refreshed. */
  readonly accessToken: Redacted.Redacted | undefined
  readonly scope: string
  /** With its version, `https://gigachat.devices.sberbank.ru/api/v1`; undefined: the vendor's public hosts, each for its models. */
  readonly baseUrl: string | undefined
  /** The whole URL of the token endpoint. */
  readonly authUrl: string
  readonly verifySslCerts: boolean
  /** Client certificate and key (PEM files) for mutual TLS. */
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

export type YandexAuth =
  | { readonly _tag: "ApiKey"; readonly apiKey: Redacted.Redacted }
  | { readonly _tag: "IamToken"; readonly token: Redacted.Redacted }
  | { readonly _tag: "ServiceAccountKey"; readonly file: string }

export interface YandexGptSettings extends Tls, Calling {
  readonly kind: "yandexgpt"
  readonly auth: YandexAuth
  readonly folderId: string
  /** The host's root: `/foundationModels/v1/completion` is appended. */
  readonly baseUrl: string
  /** The whole URL of the token endpoint. */
  readonly iamUrl: string
  readonly dataLogging: boolean
}

export interface OpenAiSettings extends Tls, Calling {
  readonly kind: "openai"
  /** With its version, `https://api.openai.com/v1`. */
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted | undefined
  /** Whose ways are known; undefined: whoever speaks the language, without any of their own. */
  readonly vendor?: VendorName | undefined
  /** Sent as `OpenAI-Project`; of Yandex Cloud the folder that its models run in. */
  readonly project?: string | undefined
  /** Sent with every request, by their names. */
  readonly headers?: Readonly<Record<string, Redacted.Redacted>> | undefined
}

export interface SandboxSettings {
  readonly kind: "sandbox"
}

/** Of a provider that an application has made by itself: how it is called. No configuration has one. */
export interface OwnProviderSettings extends Calling {
  readonly kind: "own"
}

export type ProviderSettings =
  | GigaChatSettings
  | YandexGptSettings
  | OpenAiSettings
  | SandboxSettings
  | OwnProviderSettings

/** By the provider's own tools, or in words to a model that has none. */
export type ToolsWay = "native" | "prompt"

export interface ModelAlias {
  readonly candidates: ReadonlyArray<{
    readonly model: string
    readonly weight: number
    /** As of the alias, where it is another's here. */
    readonly tools?: ToolsWay | undefined
    /** What `cheapest` goes by. */
    readonly price?: Price | undefined
  }>
  readonly fallbacks: ReadonlyArray<string>
  readonly strategy: "weighted" | "ordered" | "fastest" | "cheapest"
  readonly timeouts: Partial<Timeouts>
  /** Most calls of providers for one request, beside one call of each candidate; 2 unless set. */
  readonly attempts?: number | undefined
  /** How tools are called; `native` unless set. */
  readonly tools?: ToolsWay | undefined
  readonly price: Price | undefined
}

/** The four timers of a call. */
export interface Timeouts {
  readonly connect: Duration.Duration
  readonly firstToken: Duration.Duration
  readonly idle: Duration.Duration
  readonly total: Duration.Duration
}

/** Decimal strings, for `per` tokens. */
export interface Price {
  readonly input: string
  readonly output: string
  readonly cachedInput: string | undefined
  readonly currency: string
  readonly per: number
}

export class Settings extends Context.Service<Settings, SettingsValue>()("xrouter/config/Settings") {
  /** From the environment and the file; fails with every fault at once (`ConfigError`). */
  static readonly layer = Layer.effect(Settings, readSettings())
}
