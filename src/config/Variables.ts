import { configFile, gigachatDefaults, openaiDefaults, yandexgptDefaults } from "./Defaults.ts"
import { exporting, logs, metrics, traces } from "./ExportVariables.ts"
import { AdminKey, DatabaseUrl, JwtSecrets, RedisUrls } from "./SecretValues.ts"
import * as Values from "./Values.ts"
import { listed, optional, type Variable, withDefault } from "./Variable.ts"

const openOrClosed = Values.choice(["open", "closed"])

export const gateway = {
  config: optional(
    "XROUTER_CONFIG",
    Values.Text,
    "The YAML file for what is a structure: providers beside the three below, models, tiers, limits.",
    `\`./${configFile}\` if it is there`
  ),
  host: withDefault("XROUTER_HOST", Values.Host, "127.0.0.1", "Address to listen on; `0.0.0.0` in a container."),
  port: withDefault("XROUTER_PORT", Values.Port, "8080", "Port to listen on."),
  workers: withDefault(
    "XROUTER_WORKERS",
    Values.Workers,
    "1",
    "Processes that answer on that port, or `auto`: as many as there are processors. More than one need `DATABASE_URL` and `REDIS_URL`, by which they share keys and limits."
  ),
  publicUrl: optional(
    "XROUTER_PUBLIC_URL",
    Values.PublicUrl,
    "The URL that clients use: OAuth issuer and base of links, byte for byte.",
    "`http://HOST:PORT`"
  ),
  dataDir: withDefault(
    "XROUTER_DATA_DIR",
    Values.Text,
    ".xrouter",
    "Folder of the embedded database, the usage journal and the generated secrets (mode 0600)."
  ),
  sandbox: optional(
    "XROUTER_SANDBOX",
    Values.Switch,
    "The sandbox models (`sandbox/echo`, `sandbox/story`, `sandbox/tools`, `sandbox/embed`), which need no provider.",
    "`true` only when no provider is configured"
  ),
  maxBody: withDefault(
    "XROUTER_MAX_BODY",
    Values.Size,
    "20 MiB",
    "Largest request body; a larger one is answered 413."
  ),
  imageUrls: withDefault(
    "XROUTER_IMAGE_URLS",
    Values.Switch,
    "off",
    "`on`: images that a message gives by https address are fetched for GigaChat, which takes none; from the open Internet alone."
  ),
  drainTimeout: withDefault(
    "XROUTER_DRAIN_TIMEOUT",
    Values.Span,
    "30 seconds",
    "How long running answers may take to finish once the process was told to stop."
  ),
  drainGrace: optional(
    "XROUTER_DRAIN_GRACE",
    Values.SpanOrNone,
    "The first part of that time: the gateway is not ready any more and serves still, until every balancer has noticed.",
    "`2 seconds`; embedded database: none"
  )
}

export const stores = {
  databaseUrl: optional(
    "DATABASE_URL",
    DatabaseUrl,
    "`postgres://user:password@host:5432/database`: PostgreSQL. The user has to be named; who starts the process does not matter.",
    "embedded PostgreSQL (PGlite) in the data folder"
  ),
  redisUrls: listed(
    "REDIS_URL",
    RedisUrls,
    "`redis://…` or `rediss://…`; several nodes separated by commas: a cluster. `redis-sentinel://…?master=name`: sentinels. Needed as soon as several instances share limits.",
    "in-process limiter, one instance only"
  )
}

export const access = {
  adminKey: optional(
    "XROUTER_ADMIN_KEY",
    AdminKey,
    "Bearer of `/admin/v1`, at least 32 random characters.",
    "embedded database: generated into `DATA_DIR/admin.key`; otherwise the admin API is off"
  ),
  jwtSecrets: listed(
    "XROUTER_JWT_SECRETS",
    JwtSecrets,
    "`kid:base64,kid2:base64`: the first signs access tokens, all verify them; at least 32 random bytes each.",
    "embedded database: generated; otherwise required"
  ),
  signup: withDefault(
    "XROUTER_SIGNUP",
    openOrClosed,
    "closed",
    "Whether people may make accounts for themselves at `/signup` (`open` or `closed`). They get the tier `free`, or the first one that is configured; nobody checks their e-mail address."
  ),
  clientRegistration: withDefault(
    "XROUTER_CLIENT_REGISTRATION",
    openOrClosed,
    "closed",
    "OAuth dynamic client registration (`open` or `closed`)."
  ),
  keyCacheTtl: withDefault(
    "XROUTER_KEY_CACHE_TTL",
    Values.Span,
    "60 seconds",
    "Bound of staleness of a cached key when every push about it is lost."
  ),
  trustedProxies: listed(
    "XROUTER_TRUSTED_PROXIES",
    Values.list(Values.Network),
    "Networks (CIDR) whose `X-Forwarded-For` is believed, separated by commas."
  ),
  corsOrigins: withDefault(
    "XROUTER_CORS_ORIGINS",
    Values.Origins,
    "*",
    "Origins that may call `/v1` and the OAuth endpoints from a browser, separated by commas; never with credentials."
  )
}

export const limits = {
  onRedisFailure: withDefault(
    "XROUTER_RATE_LIMIT_ON_REDIS_FAILURE",
    Values.choice(["share", "closed", "open"]),
    "share",
    "While Redis is away: `share` (each instance enforces its share, never more than the limit in all), `closed` (503), `open` (no limits)."
  ),
  expectedInstances: withDefault(
    "XROUTER_EXPECTED_INSTANCES",
    Values.Count,
    "1",
    "Divides the share, for each instance once more by its `XROUTER_WORKERS`."
  )
}

export const telemetry = {
  metricsToken: optional("XROUTER_METRICS_TOKEN", Values.Secret, "Bearer for `/metrics`.", "none: `/metrics` is open"),
  logFormat: optional(
    "XROUTER_LOG_FORMAT",
    Values.choice(["pretty", "json"]),
    "`pretty` or `json`.",
    "`pretty` on a terminal, else `json`"
  ),
  logLevel: withDefault(
    "XROUTER_LOG_LEVEL",
    Values.choice(["trace", "debug", "info", "warn", "error"]),
    "info",
    "The least level that is written: `trace`, `debug`, `info`, `warn` or `error`."
  )
}

export const gigachat = {
  credentials: optional(
    "GIGACHAT_CREDENTIALS",
    Values.Secret,
    "The authorization key as Sber gives it: base64 of `client_id:client_secret`."
  ),
  accessToken: optional("GIGACHAT_ACCESS_TOKEN", Values.Secret, "A ready access token; it is never refreshed."),
  certFile: optional("GIGACHAT_CERT_FILE", Values.Text, "Client certificate (PEM) for mutual TLS."),
  keyFile: optional("GIGACHAT_KEY_FILE", Values.Text, "Key (PEM) of that certificate."),
  scope: optional(
    "GIGACHAT_SCOPE",
    Values.Text,
    "`GIGACHAT_API_PERS` (individuals), `GIGACHAT_API_B2B` (prepaid) or `GIGACHAT_API_CORP` (pay as you go).",
    `\`${gigachatDefaults.scope}\``
  ),
  baseUrl: optional(
    "GIGACHAT_BASE_URL",
    Values.UpstreamUrl,
    "The API, with its version; of one that ends in `/v2` chats are asked for in that version's form.",
    `\`${gigachatDefaults.baseUrl}\`, for models of the third generation (\`GigaChat-3-Ultra\`) \`${gigachatDefaults.thirdBaseUrl}\``
  ),
  authUrl: optional(
    "GIGACHAT_AUTH_URL",
    Values.UpstreamUrl,
    "The whole URL of the token endpoint.",
    `\`${gigachatDefaults.authUrl}\``
  ),
  caBundleFile: optional(
    "GIGACHAT_CA_BUNDLE_FILE",
    Values.Text,
    "PEM file with the Russian Trusted Root CA, added to the system's roots for GigaChat alone."
  ),
  verifySslCerts: optional(
    "GIGACHAT_VERIFY_SSL_CERTS",
    Values.Switch,
    "`false` switches the check of GigaChat's certificates off, with a warning at the start.",
    "`true`"
  )
}

export const yandexgpt = {
  apiKey: optional("YANDEX_API_KEY", Values.Secret, "API key of a service account. One of three ways in."),
  iamToken: optional("YANDEX_IAM_TOKEN", Values.Secret, "A ready IAM token; it is never refreshed."),
  serviceAccountKeyFile: optional(
    "YANDEX_SA_KEY_FILE",
    Values.Text,
    "Authorized key file (JSON) of a service account; IAM tokens are had with it as needed."
  ),
  folderId: optional("YANDEX_FOLDER_ID", Values.Text, "The folder that models run in and that pays."),
  baseUrl: optional(
    "YANDEX_BASE_URL",
    Values.UpstreamUrl,
    "Root of the host; `/foundationModels/v1/completion` is appended.",
    `\`${yandexgptDefaults.baseUrl}\``
  ),
  iamUrl: optional(
    "YANDEX_IAM_URL",
    Values.UpstreamUrl,
    "The whole URL of the token endpoint.",
    `\`${yandexgptDefaults.iamUrl}\``
  ),
  dataLogging: optional("YANDEX_DATA_LOGGING", Values.Switch, "Whether Yandex may keep prompts and answers.", "`false`")
}

export const openai = {
  apiKey: optional("OPENAI_API_KEY", Values.Secret, "API key; may be left out where the upstream asks for none."),
  baseUrl: optional(
    "OPENAI_BASE_URL",
    Values.UpstreamUrl,
    "Any OpenAI-compatible upstream, with its version; its host tells the vendor (`providers` below). More of them in the file.",
    `\`${openaiDefaults.baseUrl}\``
  )
}

export const command = {
  url: optional(
    "XROUTER_URL",
    Values.UpstreamUrl,
    "Where `xrouter top`, `xrouter users`, `xrouter keys` and `xrouter clients` find the running gateway; all but the first prove themselves with `XROUTER_ADMIN_KEY`.",
    "embedded database: as the data folder tells; otherwise the public URL"
  )
}

/** The table as the documentation shows it. */
export const sections: ReadonlyArray<{
  readonly title: string
  readonly variables: Readonly<Record<string, Variable<unknown>>>
}> = [
  { title: "Gateway", variables: gateway },
  { title: "Stores", variables: stores },
  { title: "Access", variables: access },
  { title: "Rate limits", variables: limits },
  { title: "Telemetry", variables: telemetry },
  { title: "Export by OTLP", variables: exporting },
  { title: "Export of traces", variables: traces },
  { title: "Export of metrics", variables: metrics },
  { title: "Export of logs", variables: logs },
  { title: "GigaChat", variables: gigachat },
  { title: "YandexGPT", variables: yandexgpt },
  { title: "OpenAI and compatible upstreams", variables: openai },
  { title: "The command", variables: command }
]
