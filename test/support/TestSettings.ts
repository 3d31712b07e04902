import { Duration, Layer } from "effect"
import { Settings, type SettingsValue } from "../../src/config/Settings.ts"

/** Settings for tests: embedded mode, nothing else set, the tiers of the contract. */
export const testSettings = (overrides: Partial<SettingsValue> = {}): SettingsValue => ({
  host: "127.0.0.1",
  port: 0,
  workers: 1,
  publicUrl: "http://127.0.0.1:8080",
  dataDir: "/nowhere",
  databaseUrl: undefined,
  redisUrls: [],
  adminKey: undefined,
  jwtSecrets: [],
  signup: "closed",
  clientRegistration: "closed",
  onRedisFailure: "share",
  expectedInstances: 1,
  keyCacheTtl: Duration.seconds(60),
  drainGrace: Duration.zero,
  drainTimeout: Duration.seconds(30),
  maxBody: 20 * 1024 * 1024,
  imageUrls: false,
  trustedProxies: [],
  corsOrigins: ["*"],
  metricsToken: undefined,
  logFormat: "json",
  logLevel: "info",
  tracing: undefined,
  providers: new Map(),
  models: new Map(),
  tiers: new Map([
    ["free", { rpm: 20, rpd: 200, concurrency: 5 }],
    ["pro", { rpm: 100, rpd: 1000, concurrency: 20 }],
    ["enterprise", {}]
  ]),
  modelLimits: new Map(),
  ...overrides
})

export const layerTestSettings = (overrides: Partial<SettingsValue> = {}) =>
  Layer.succeed(Settings, testSettings(overrides))
