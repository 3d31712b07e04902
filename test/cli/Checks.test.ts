import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import * as Collector from "../support/Collector.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import { closedPort } from "../support/Loopback.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { startRedis } from "../support/Redis.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import * as YandexUpstream from "../support/YandexUpstream.ts"
import { run } from "./running.ts"

const findings = Effect.fnUntraced(function* (environment: Record<string, string>) {
  const { err, ok, out } = yield* run(environment, "check --json")
  const checks: ReadonlyArray<{ check: string; status: string; message: string }> = JSON.parse(out).checks
  return { ok, err, of: (name: string) => checks.find(({ check }) => check === name), checks }
})

describe("xrouter check", () => {
  it.live("is content with nothing configured", () =>
    Effect.gen(function* () {
      const { of, ok } = yield* findings({ XROUTER_DATA_DIR: "data" })
      assert.isTrue(ok)
      assert.deepInclude(of("database"), { status: "ok", message: "embedded, in data" })
      assert.deepInclude(of("redis"), { status: "ok" })
      assert.deepInclude(of("provider sandbox"), { status: "ok", message: "4 models" })
    })
  )

  it.live("prints every fault with its place, and connects to nothing then", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        const file = `${yield* files.makeTempDirectoryScoped()}/x.yaml`
        yield* files.writeFileString(file, "tiers:\n  free: { rpm: none }\n")
        const environment = { XROUTER_CONFIG: file, XROUTER_PORT: "http", OPENAI_BASE_URL: "ftp://x" }
        const { err, ok, out } = yield* run(environment, "check")
        assert.isFalse(ok)
        assert.match(out, /^XROUTER_PORT +failed +Expected a port, 1 to 65535$/m)
        assert.match(out, /^OPENAI_BASE_URL +failed +Expected a URL/m)
        assert.match(out, /x\.yaml:2 tiers\.free\.rpm +failed +Expected a whole number/)
        assert.match(err, /3 checks failed/)
        assert.notMatch(out, /^database/m)
      })
    ).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("warns of variables that nothing reads", () =>
    Effect.gen(function* () {
      const { checks, ok } = yield* findings({
        XROUTER_PROT: "80",
        XROUTER_ADMIN: "x",
        XROUTER_SERVICE_HOST: "10.0.0.1",
        XROUTER_PORT_8080_TCP_PROTO: "tcp",
        XROUTER_URL: "http://127.0.0.1:1"
      })
      assert.isTrue(ok)
      assert.deepStrictEqual(
        checks.filter(({ status }) => status === "warning").map(({ check }) => check),
        ["XROUTER_ADMIN", "XROUTER_PROT"]
      )
    })
  )

  it.live("connects to PostgreSQL, Redis and every provider", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const redis = yield* startRedis()
        const gigachat = yield* GigaChatUpstream.make()
        const yandex = yield* YandexUpstream.make()
        const openai = yield* OpenAiUpstream.make({ key: "sk-check-0123456789" })
        const { checks, ok, of } = yield* findings({
          DATABASE_URL: yield* freshDatabase,
          XROUTER_JWT_SECRETS: `k:${randomBytes(32).toString("base64")}`,
          REDIS_URL: redis.url,
          GIGACHAT_CREDENTIALS: Redacted.value(gigachat.credentials),
          GIGACHAT_SCOPE: gigachat.scope,
          GIGACHAT_BASE_URL: gigachat.baseUrl,
          GIGACHAT_AUTH_URL: gigachat.authUrl,
          YANDEX_API_KEY: yandex.apiKey,
          YANDEX_FOLDER_ID: yandex.folderId,
          YANDEX_BASE_URL: yandex.baseUrl,
          OPENAI_API_KEY: "sk-check-0123456789",
          OPENAI_BASE_URL: openai.baseUrl
        })
        assert.isTrue(ok, JSON.stringify(checks))
        assert.match(of("database")?.message ?? "", /^PostgreSQL \d+/)
        assert.deepInclude(of("redis"), { status: "ok", message: "answers" })
        assert.match(of("provider gigachat")?.message ?? "", /^\d+ models$/)
        assert.deepInclude(of("provider yandexgpt"), { status: "ok", message: "answers" })
        assert.deepInclude(of("provider openai"), { status: "ok", message: `${OpenAiUpstream.models.length} models` })
      })
    )
  )

  for (const protocol of ["http/protobuf", "http/json"]) {
    it.live(`sends each collector nothing, to see whether it takes that (${protocol})`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const collector = yield* Collector.make()
          const { checks, of, ok } = yield* findings({
            OTEL_EXPORTER_OTLP_ENDPOINT: new URL(collector.url).origin,
            OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
            OTEL_EXPORTER_OTLP_HEADERS: "x-token=c4nary"
          })
          assert.isTrue(ok, JSON.stringify(checks))
          for (const signal of ["traces", "metrics", "log records"]) {
            const message = `takes them at ${new URL(collector.url).origin}`
            assert.deepInclude(of(`collector of ${signal}`), { status: "ok", message })
          }
          const { requests } = collector.upstream
          assert.deepStrictEqual(requests.map(({ path }) => path).sort(), ["/v1/logs", "/v1/metrics", "/v1/traces"])
          assert.isTrue(requests.every(({ headers }) => headers["x-token"] === "c4nary"))
        })
      )
    )
  }

  it.live("tells which collector is not there and which refuses, without its key", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const collector = yield* Collector.make(() => Scripted.json(401, { message: "not c4nary" }))
        const wrong = yield* Collector.make(() => Scripted.json(404, {}))
        const port = yield* closedPort
        const { checks, err, of, ok } = yield* findings({
          OTEL_EXPORTER_OTLP_ENDPOINT: new URL(collector.url).origin,
          OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${port}/c4nary`,
          OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: wrong.logsUrl,
          OTEL_EXPORTER_OTLP_HEADERS: "x-token=c4nary"
        })
        assert.isFalse(ok)
        assert.match(
          of("collector of traces")?.message ?? "",
          / answers 401: OTEL_EXPORTER_OTLP_HEADERS has not the key/
        )
        assert.strictEqual(
          of("collector of metrics")?.message,
          `the collector at http://127.0.0.1:${port} is not reached`
        )
        assert.match(of("collector of log records")?.message ?? "", / answers 404: it takes no OTLP over HTTP there/)
        assert.notInclude(JSON.stringify(checks) + err, "c4nary")
      })
    )
  )

  it.live("tells of each what it cannot reach or what refuses it, without the secrets", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const port = yield* closedPort
        const openai = yield* OpenAiUpstream.make()
        const yandex = yield* YandexUpstream.make()
        const { checks, err, ok, of } = yield* findings({
          DATABASE_URL: `postgres://u:c4nary@127.0.0.1:${port}/x`,
          XROUTER_JWT_SECRETS: `k:${randomBytes(32).toString("base64")}`,
          REDIS_URL: `redis://:c4nary@127.0.0.1:${port}`,
          GIGACHAT_CREDENTIALS: "c4nary",
          GIGACHAT_AUTH_URL: `http://127.0.0.1:${port}`,
          YANDEX_API_KEY: "c4nary",
          YANDEX_FOLDER_ID: yandex.folderId,
          YANDEX_BASE_URL: yandex.baseUrl,
          OPENAI_API_KEY: "c4nary",
          OPENAI_BASE_URL: openai.baseUrl
        })
        assert.isFalse(ok)
        assert.match(err, /5 checks failed/)
        for (const name of ["database", "redis", "provider gigachat", "provider yandexgpt", "provider openai"]) {
          assert.strictEqual(of(name)?.status, "failed", name)
          assert.isAbove(of(name)?.message.length ?? 0, 10, name)
        }
        assert.notInclude(JSON.stringify(checks) + err, "c4nary")
      })
    )
  )
})
