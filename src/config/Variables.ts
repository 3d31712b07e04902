import { Schema } from "effect"
import { configFile, gigachatDefaults, openaiDefaults, yandexgptDefaults } from "./Defaults.ts"
import { AdminKey, DatabaseUrl, JwtSecrets, RedisUrls } from "./SecretValues.ts"
import * as TracingValues from "./TracingValues.ts"
import * as Values from "./Values.ts"

/**
 * The one table of variables: the decoding and `docs/configuration.md` both come from it. Descriptions are Markdown.
 */
export interface Variable<out A> {
  readonly name: string
  readonly schema: Schema.Decoder<A>
  /** What holds where the variable is unset, or set wrong while other faults are looked for. */
  readonly fallback: A
  /** The fallback as the documentation shows it. */
  readonly shown: string
  readonly description: string
}

const optional = <A>(
  name: string,
  schema: Schema.Decoder<A>,
  description: string,
  shown = "none"
): Variable<A | undefined> => ({ name, schema, fallback: undefined, shown, description })

const withDefault = <A>(name: string, schema: Schema.Decoder<A>, text: string, description: string): Variable<A> => ({
  name,
  schema,
  fallback: Schema.decodeSync(schema)(text),
  shown: `\`${text}\``,
  description
})

const listed = <A>(
  name: string,
  schema: Schema.Decoder<ReadonlyArray<A>>,
  description: string,
  shown = "none"
): Variable<ReadonlyArray<A>> => ({ name, schema, fallback: [], shown, description })

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
    "`postgres://…`: PostgreSQL.",
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
  expectedInstances: withDefault("XROUTER_EXPECTED_INSTANCES", Values.Count, "1", "Divides the share.")
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

/** OpenTelemetry's own names and defaults. */
export const tracing = {
  endpoint: optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    Values.UpstreamUrl,
    "Base URL of a collector that takes OTLP over HTTP; `/v1/traces` is appended.",
    "none: no traces"
  ),
  tracesEndpoint: optional(
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    Values.UpstreamUrl,
    "The whole URL that takes traces.",
    "made of the one above"
  ),
  headers: optional(
    "OTEL_EXPORTER_OTLP_HEADERS",
    TracingValues.HeaderPairs,
    "Headers for the collector, secret: `name=value` separated by commas, the values percent-encoded."
  ),
  tracesHeaders: optional(
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    TracingValues.HeaderPairs,
    "The same for traces alone, instead of those above."
  ),
  protocol: optional(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    TracingValues.Protocol,
    "`http/protobuf` or `http/json`.",
    "`http/protobuf`"
  ),
  tracesProtocol: optional(
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    TracingValues.Protocol,
    "The same for traces alone.",
    "the one above"
  ),
  timeout: withDefault(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    Values.Count,
    "10000",
    "How long the collector may take for one batch, in milliseconds."
  ),
  tracesTimeout: optional(
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    Values.Count,
    "The same for traces alone.",
    "the one above"
  ),
  exporter: withDefault("OTEL_TRACES_EXPORTER", Values.choice(["otlp", "none"]), "otlp", "`none` switches traces off."),
  disabled: withDefault("OTEL_SDK_DISABLED", Values.Switch, "false", "`true` switches traces off."),
  sampler: withDefault(
    "OTEL_TRACES_SAMPLER",
    TracingValues.Sampler,
    "parentbased_always_on",
    "Which requests are traced: `always_on`, `always_off`, `traceidratio`, or one of them behind `parentbased_`, which first obeys the caller's `traceparent`."
  ),
  samplerArgument: withDefault(
    "OTEL_TRACES_SAMPLER_ARG",
    TracingValues.Share,
    "1",
    "With `traceidratio`: the share of requests, 0 to 1."
  ),
  serviceName: optional(
    "OTEL_SERVICE_NAME",
    Values.Text,
    "`service.name` of the traces.",
    "that of the attributes below, else `xrouter`"
  ),
  resourceAttributes: listed(
    "OTEL_RESOURCE_ATTRIBUTES",
    TracingValues.Pairs,
    "What is told of this instance with every batch: `name=value` separated by commas, the values percent-encoded."
  ),
  queueSize: withDefault(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    Values.Count,
    "2048",
    "Most spans that wait for the collector; what comes on top is dropped."
  ),
  batchSize: withDefault("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Values.Count, "512", "Most spans that are sent at once."),
  interval: withDefault(
    "OTEL_BSP_SCHEDULE_DELAY",
    Values.Count,
    "5000",
    "How long a span waits for others at most, in milliseconds."
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
    "The API, with its version.",
    `\`${gigachatDefaults.baseUrl}\``
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
    "Any OpenAI-compatible upstream, with its version; more of them in the file.",
    `\`${openaiDefaults.baseUrl}\``
  )
}

export const command = {
  url: optional(
    "XROUTER_URL",
    Values.UpstreamUrl,
    "Where `xrouter users`, `xrouter keys` and `xrouter clients` find the running gateway; they prove themselves with `XROUTER_ADMIN_KEY`.",
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
  { title: "Traces", variables: tracing },
  { title: "GigaChat", variables: gigachat },
  { title: "YandexGPT", variables: yandexgpt },
  { title: "OpenAI and compatible upstreams", variables: openai },
  { title: "The command", variables: command }
]
