import { Duration, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import { availableParallelism } from "node:os"
import { isatty } from "node:tty"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { exportExamples } from "./exportExamples.ts"

/** What each variable takes and what it refuses. */

const secretText = (secret: Redacted.Redacted | undefined) => secret && Redacted.value(secret)
const random = randomBytes(32).toString("base64")
const jwt = { XROUTER_JWT_SECRETS: `k1:${random}` }

export interface Example {
  /** How the value shows in the settings. */
  readonly of: (settings: SettingsValue) => unknown
  readonly default: unknown
  readonly good: ReadonlyArray<readonly [text: string, value: unknown]>
  readonly bad: ReadonlyArray<string>
  /** What has to be set beside it. */
  readonly beside?: Record<string, string>
}

const gigachat = (field: string) => (settings: SettingsValue) => fieldOf(settings.providers.get("gigachat"), field)
const yandexgpt = (field: string) => (settings: SettingsValue) => fieldOf(settings.providers.get("yandexgpt"), field)
const openai = (field: string) => (settings: SettingsValue) => fieldOf(settings.providers.get("openai"), field)
const fieldOf = (provider: object | undefined, field: string): unknown => {
  const value: unknown = Object.entries(provider ?? {}).find(([name]) => name === field)?.[1]
  return Redacted.isRedacted(value) ? Redacted.value(value) : value
}

const gigachatKey = { GIGACHAT_CREDENTIALS: "a2V5" }
const yandexKey = { YANDEX_API_KEY: "AQVN", YANDEX_FOLDER_ID: "b1g" }
/** A file that is there. */
export const pem = "file.pem"

export const examples: Record<string, Example> = {
  ...exportExamples,
  XROUTER_HOST: {
    of: ({ host }) => host,
    default: "127.0.0.1",
    good: [
      ["0.0.0.0", "0.0.0.0"],
      ["::1", "::1"],
      ["gateway.internal", "gateway.internal"]
    ],
    bad: ["http://host", "a b", "host:80"]
  },
  XROUTER_PORT: {
    of: ({ port }) => port,
    default: 8080,
    good: [
      ["1", 1],
      ["65535", 65_535],
      [" 9000 ", 9000]
    ],
    bad: ["0", "65536", "80.5", "1e3", "http", "-1"]
  },
  XROUTER_WORKERS: {
    of: ({ workers }) => workers,
    default: 1,
    good: [
      ["4", 4],
      ["auto", availableParallelism()]
    ],
    bad: ["0", "1025", "two", "1.5", "-1", "AUTO"],
    beside: { ...jwt, DATABASE_URL: "postgres://u@127.0.0.1/x", REDIS_URL: "redis://127.0.0.1" }
  },
  XROUTER_PUBLIC_URL: {
    of: ({ publicUrl }) => publicUrl,
    default: "http://127.0.0.1:8080",
    good: [
      ["https://AI.example.com", "https://AI.example.com"],
      ["https://example.com/ai", "https://example.com/ai"]
    ],
    bad: ["ai.example.com", "ftp://x", "https://x/", "https://u:p@x", "https://x?a=1", "https://x#a"]
  },
  XROUTER_DATA_DIR: {
    of: ({ dataDir }) => dataDir,
    default: ".xrouter",
    good: [["/var/lib/x", "/var/lib/x"]],
    bad: []
  },
  XROUTER_SANDBOX: {
    of: ({ providers }) => providers.has("sandbox"),
    default: true,
    good: [
      ["true", true],
      ["on", true],
      ["1", true],
      ["yes", true],
      ["false", false],
      ["off", false],
      ["0", false]
    ],
    bad: ["maybe", "TRUE!"]
  },
  XROUTER_MAX_BODY: {
    of: ({ maxBody }) => maxBody,
    default: 20 * 1024 * 1024,
    good: [
      ["1 MiB", 1024 * 1024],
      ["5MB", 5_000_000],
      ["512 KiB", 512 * 1024]
    ],
    bad: ["big", "-1 MiB", "0 MiB"]
  },
  XROUTER_IMAGE_URLS: {
    of: ({ imageUrls }) => imageUrls,
    default: false,
    good: [
      ["on", true],
      ["off", false]
    ],
    bad: ["https", "ON"]
  },
  XROUTER_DRAIN_TIMEOUT: {
    of: ({ drainTimeout }) => Duration.toMillis(drainTimeout),
    default: 30_000,
    good: [
      ["5 seconds", 5000],
      ["300 millis", 300],
      ["1 minute", 60_000]
    ],
    bad: ["5", "5 sconds", "-1 seconds", "0 seconds", "Infinity"]
  },
  XROUTER_DRAIN_GRACE: {
    of: ({ drainGrace }) => Duration.toMillis(drainGrace),
    default: 0,
    good: [
      ["5 seconds", 5000],
      ["300 millis", 300],
      ["0 seconds", 0]
    ],
    bad: ["5", "5 sconds", "-1 seconds", "Infinity"]
  },
  DATABASE_URL: {
    of: ({ databaseUrl }) => secretText(databaseUrl),
    default: undefined,
    good: [
      ["postgres://u:p@db:5432/x", "postgres://u:p@db:5432/x"],
      ["postgresql://u@db/x", "postgresql://u@db/x"],
      ["postgres://db/x?user=u", "postgres://db/x?user=u"]
    ],
    bad: ["mysql://u@db/x", "db", "postgres://", "postgres://db/x", "postgres://:p@db/x", "postgres://db/x?user="],
    beside: jwt
  },
  REDIS_URL: {
    of: ({ redisUrls }) => redisUrls.map(Redacted.value),
    default: [],
    good: [
      ["redis://:p@cache:6379/2", ["redis://:p@cache:6379/2"]],
      ["rediss://a:1, rediss://b:1", ["rediss://a:1", "rediss://b:1"]],
      [
        "redis-sentinel://:p@a/2?master=main,redis-sentinel://b:26380",
        ["redis-sentinel://:p@a/2?master=main", "redis-sentinel://b:26380"]
      ]
    ],
    bad: [
      "http://cache",
      "cache:6379",
      "redis://a,rediss://b",
      "redis://a/1,redis://b",
      "redis://a,",
      "redis-sentinel://a",
      "redis-sentinel://a?master=",
      "redis-sentinel://a?master=m,redis://b",
      "redis-sentinel://a?master=m,redis-sentinel://b/1"
    ]
  },
  XROUTER_ADMIN_KEY: {
    of: ({ adminKey }) => secretText(adminKey),
    default: undefined,
    good: [[random, random]],
    bad: [
      "x".repeat(31),
      "x".repeat(64),
      "short",
      "abcdefghijklmnop".repeat(2),
      `change-me-${random}`,
      `${random} ${random}`
    ]
  },
  XROUTER_JWT_SECRETS: {
    of: ({ jwtSecrets }) => jwtSecrets.map(({ kid, secret }) => [kid, Redacted.value(secret)]),
    default: [],
    good: [
      [`k1:${random}`, [["k1", random]]],
      [
        `new:${random},old:${random}`,
        [
          ["new", random],
          ["old", random]
        ]
      ],
      [`k:${randomBytes(48).toString("hex")}`, undefined]
    ],
    bad: [
      random,
      `:${random}`,
      `k:${randomBytes(31).toString("base64")}`,
      `k:${random},k:${random}`,
      "k:not base64",
      `k:${Buffer.alloc(32).toString("base64")}`,
      `k:${Buffer.from("your-256-bit-secret-your-256-bit-secret").toString("base64")}`,
      `k:${random}:more`
    ]
  },
  XROUTER_SIGNUP: { of: ({ signup }) => signup, default: "closed", good: [["open", "open"]], bad: ["true"] },
  XROUTER_CLIENT_REGISTRATION: {
    of: ({ clientRegistration }) => clientRegistration,
    default: "closed",
    good: [["open", "open"]],
    bad: ["true"]
  },
  XROUTER_KEY_CACHE_TTL: {
    of: ({ keyCacheTtl }) => Duration.toMillis(keyCacheTtl),
    default: 60_000,
    good: [["5 seconds", 5000]],
    bad: ["soon"]
  },
  XROUTER_TRUSTED_PROXIES: {
    of: ({ trustedProxies }) => trustedProxies,
    default: [],
    good: [["10.0.0.0/8, ::1 ,fd00::/8", ["10.0.0.0/8", "::1", "fd00::/8"]]],
    bad: ["10.0.0.0/33", "proxy", "::/129", "10.0.0.0/8/8", "10.0.0.0/", "1.2.3.4,"]
  },
  XROUTER_CORS_ORIGINS: {
    of: ({ corsOrigins }) => corsOrigins,
    default: ["*"],
    good: [["https://a.example,http://localhost:3000", ["https://a.example", "http://localhost:3000"]]],
    bad: ["*,https://a.example", "a.example", "https://a.example/", "https://a.example/path"]
  },
  XROUTER_RATE_LIMIT_ON_REDIS_FAILURE: {
    of: ({ onRedisFailure }) => onRedisFailure,
    default: "share",
    good: [
      ["closed", "closed"],
      ["open", "open"]
    ],
    bad: ["shared"]
  },
  XROUTER_EXPECTED_INSTANCES: {
    of: ({ expectedInstances }) => expectedInstances,
    default: 1,
    good: [["3", 3]],
    bad: ["0", "1.5", "many"]
  },
  XROUTER_METRICS_TOKEN: {
    of: ({ metricsToken }) => secretText(metricsToken),
    default: undefined,
    good: [["scrape", "scrape"]],
    bad: []
  },
  XROUTER_LOG_FORMAT: {
    of: ({ logFormat }) => logFormat,
    default: isatty(1) ? "pretty" : "json",
    good: [
      ["json", "json"],
      ["pretty", "pretty"]
    ],
    bad: ["xml"]
  },
  XROUTER_LOG_LEVEL: { of: ({ logLevel }) => logLevel, default: "info", good: [["debug", "debug"]], bad: ["loud"] },
  GIGACHAT_CREDENTIALS: { of: gigachat("credentials"), default: undefined, good: [["a2V5", "a2V5"]], bad: [] },
  GIGACHAT_ACCESS_TOKEN: { of: gigachat("accessToken"), default: undefined, good: [["eyJ", "eyJ"]], bad: [] },
  GIGACHAT_CERT_FILE: {
    of: gigachat("certFile"),
    default: undefined,
    good: [[pem, pem]],
    bad: ["missing.pem"],
    beside: { GIGACHAT_KEY_FILE: pem }
  },
  GIGACHAT_KEY_FILE: {
    of: gigachat("keyFile"),
    default: undefined,
    good: [[pem, pem]],
    bad: ["missing.pem"],
    beside: { GIGACHAT_CERT_FILE: pem }
  },
  GIGACHAT_SCOPE: {
    of: gigachat("scope"),
    default: "GIGACHAT_API_PERS",
    good: [["GIGACHAT_API_CORP", "GIGACHAT_API_CORP"]],
    bad: [],
    beside: gigachatKey
  },
  GIGACHAT_BASE_URL: {
    of: gigachat("baseUrl"),
    default: undefined,
    good: [["https://api.giga.chat/v1/", "https://api.giga.chat/v1"]],
    bad: ["api.giga.chat", "https://u:p@api.giga.chat"],
    beside: gigachatKey
  },
  GIGACHAT_AUTH_URL: {
    of: gigachat("authUrl"),
    default: "https://ngw.devices.sberbank.ru:9443/api/v2/oauth",
    good: [["http://127.0.0.1:1/oauth", "http://127.0.0.1:1/oauth"]],
    bad: ["ngw"],
    beside: gigachatKey
  },
  GIGACHAT_CA_BUNDLE_FILE: {
    of: gigachat("caBundleFile"),
    default: undefined,
    good: [[pem, pem]],
    bad: ["missing.pem"],
    beside: gigachatKey
  },
  GIGACHAT_VERIFY_SSL_CERTS: {
    of: gigachat("verifySslCerts"),
    default: true,
    good: [["false", false]],
    bad: ["never"],
    beside: gigachatKey
  },
  YANDEX_API_KEY: {
    of: yandexgpt("auth"),
    default: undefined,
    good: [["AQVN", { _tag: "ApiKey", apiKey: Redacted.make("AQVN") }]],
    bad: [],
    beside: { YANDEX_FOLDER_ID: "b1g" }
  },
  YANDEX_IAM_TOKEN: {
    of: yandexgpt("auth"),
    default: undefined,
    good: [["t1.x", { _tag: "IamToken", token: Redacted.make("t1.x") }]],
    bad: [],
    beside: { YANDEX_FOLDER_ID: "b1g" }
  },
  YANDEX_SA_KEY_FILE: {
    of: yandexgpt("auth"),
    default: undefined,
    good: [[pem, { _tag: "ServiceAccountKey", file: pem }]],
    bad: ["missing.json"],
    beside: { YANDEX_FOLDER_ID: "b1g" }
  },
  YANDEX_FOLDER_ID: {
    of: yandexgpt("folderId"),
    default: undefined,
    good: [["b1g", "b1g"]],
    bad: [],
    beside: { YANDEX_API_KEY: "AQVN" }
  },
  YANDEX_BASE_URL: {
    of: yandexgpt("baseUrl"),
    default: "https://llm.api.cloud.yandex.net",
    good: [["http://127.0.0.1:1/", "http://127.0.0.1:1"]],
    bad: ["llm"],
    beside: yandexKey
  },
  YANDEX_IAM_URL: {
    of: yandexgpt("iamUrl"),
    default: "https://iam.api.cloud.yandex.net/iam/v1/tokens",
    good: [["http://127.0.0.1:1/tokens", "http://127.0.0.1:1/tokens"]],
    bad: ["iam"],
    beside: yandexKey
  },
  YANDEX_DATA_LOGGING: {
    of: yandexgpt("dataLogging"),
    default: false,
    good: [["true", true]],
    bad: ["some"],
    beside: yandexKey
  },
  OPENAI_API_KEY: { of: openai("apiKey"), default: undefined, good: [["sk-1", "sk-1"]], bad: [] },
  OPENAI_BASE_URL: {
    of: openai("baseUrl"),
    default: "https://api.openai.com/v1",
    good: [["http://localhost:11434/v1", "http://localhost:11434/v1"]],
    bad: ["localhost:11434"],
    beside: { OPENAI_API_KEY: "sk-1" }
  }
}
