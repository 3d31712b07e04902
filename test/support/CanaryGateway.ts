import { assert } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import { eventually } from "./Eventually.ts"
import { type Answer, gatewayAt, type TestGateway } from "./Gateway.ts"
import { type GatewayProcess, startProcess } from "./GatewayProcess.ts"
import * as GigaChatUpstream from "./GigaChatUpstream.ts"
import * as OpenAiUpstream from "./OpenAiUpstream.ts"
import { freshDatabase } from "./TestDatabase.ts"

/** In every secret of the gateway below, so that it can be looked for in whatever it writes. */
export const canary = "c4Nary7x"

/** A line of the log. */
export interface Line {
  readonly ts: string
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

/** The gateway as a process of its own, whose every secret is told from afar, and which logs all that it can. */
export interface CanaryGateway {
  readonly process: GatewayProcess
  readonly gateway: TestGateway
  /** Knows another key than the gateway has, and repeats in its refusal what it was shown. */
  readonly openai: OpenAiUpstream.OpenAiUpstream
  readonly gigachat: GigaChatUpstream.GigaChatUpstream
  readonly databaseUrl: string
  /** What was logged so far. */
  readonly lines: () => ReadonlyArray<Line>
  /** The line about this request, as soon as it is there. */
  readonly requestLine: (answer: Answer) => Effect.Effect<Line>
}

export const startCanaryGatewayWith = Effect.fnUntraced(function* (
  environment: Readonly<Record<string, string>>
): Effect.fn.Return<CanaryGateway, never, Scope.Scope> {
  const openai = yield* OpenAiUpstream.make({ key: "sk-the-right-one" })
  const gigachat = yield* GigaChatUpstream.make()
  const databaseUrl = (yield* Effect.orDie(freshDatabase)).replace("postgres@", `postgres:password-${canary}@`)
  const adminKey = `admin-${canary}-0123456789abcdef0123456789`
  const process = yield* startProcess({
    DATABASE_URL: databaseUrl,
    XROUTER_ADMIN_KEY: adminKey,
    XROUTER_JWT_SECRETS: `one:${Buffer.from(`${canary}-a-secret-of-32-bytes-or-more`).toString("base64")}`,
    XROUTER_METRICS_TOKEN: `metrics-${canary}`,
    XROUTER_SANDBOX: "true",
    XROUTER_LOG_LEVEL: "trace",
    OPENAI_API_KEY: `sk-${canary}-0123456789abcdef`,
    OPENAI_BASE_URL: openai.baseUrl,
    GIGACHAT_CREDENTIALS: Redacted.value(gigachat.credentials),
    GIGACHAT_SCOPE: gigachat.scope,
    GIGACHAT_BASE_URL: gigachat.baseUrl,
    GIGACHAT_AUTH_URL: gigachat.authUrl,
    ...environment
  })
  const lines = () =>
    process
      .stdout()
      .split("\n")
      .slice(0, -1)
      .map((line): Line => JSON.parse(line))
  return {
    process,
    gateway: gatewayAt(process.url, adminKey),
    openai,
    gigachat,
    databaseUrl,
    lines,
    requestLine: Effect.fnUntraced(function* ({ headers }) {
      const id = headers.get("x-request-id")
      const found = () => lines().filter((line) => line["request_id"] === id && line.message === "request")
      yield* eventually(Effect.sync(() => found().length > 0))
      const [line, ...more] = found()
      assert.lengthOf(more, 0)
      return line ?? assert.fail("there is no line")
    })
  }
})

export const startCanaryGateway = startCanaryGatewayWith({})
