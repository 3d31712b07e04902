import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, Redacted, Scope } from "effect"
import { HttpServer } from "effect/http"
import OpenAI from "openai"
import { ApplicationWithSettings } from "../../src/Application.ts"
import type { SettingsValue } from "../../src/config/Settings.ts"
import type { LimitSet } from "../../src/domain/Principal.ts"
import { layerCheapPasswords } from "./TestAuth.ts"
import { freshDatabase } from "./TestDatabase.ts"
import { layerTestSettings } from "./TestSettings.ts"

/** A running gateway, as its clients and its administrator see it. */
export interface TestGateway {
  readonly url: string
  readonly adminKey: string
  /** Over HTTP, as an administrator does. */
  readonly admin: (method: string, path: string, body?: unknown) => Effect.Effect<Answer>
  /** A new key of a new user. */
  readonly makeKey: (options?: {
    readonly tier?: string
    readonly limits?: LimitSet
    readonly models?: ReadonlyArray<string>
    readonly expires_at?: string
    readonly name?: string
  }) => Effect.Effect<string>
  readonly request: (path: string, init?: RequestInit) => Effect.Effect<Answer>
  /** JSON as a client without any SDK. */
  readonly post: (
    path: string,
    key: string,
    body: unknown,
    headers?: Readonly<Record<string, string>>
  ) => Effect.Effect<Answer>
  /** The same, to `/v1/chat/completions`. */
  readonly chat: (key: string, body: unknown) => Effect.Effect<Answer>
  readonly openai: (key: string) => OpenAI
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, where it is JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into it as deep as it likes
  readonly json: any
}

/** To the sandbox's model that repeats what it is told. */
export const hello = { model: "sandbox/echo", messages: [{ role: "user", content: "Hello" }] }

export const adminKey = "admin-key-of-the-tests-0123456789abcdef"

const temporaryFolder = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "xrouter-gateway-" })
).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

/** A whole gateway on a free port, with a PostgreSQL database and a data folder of its own; gone when the scope closes. */
export const startGateway = Effect.fnUntraced(function* (
  settings: Partial<SettingsValue> = {}
): Effect.fn.Return<TestGateway, never, Scope.Scope> {
  const databaseUrl = settings.databaseUrl ?? Redacted.make(yield* Effect.orDie(freshDatabase))
  const context = yield* Layer.build(
    ApplicationWithSettings.pipe(
      Layer.provide(
        layerTestSettings({
          providers: new Map([["sandbox", { kind: "sandbox" }]]),
          adminKey: Redacted.make(adminKey),
          logLevel: "error",
          ...settings,
          dataDir: settings.dataDir ?? (yield* temporaryFolder),
          databaseUrl
        })
      ),
      Layer.provide([NodeServices.layer, layerCheapPasswords])
    )
  ).pipe(Effect.orDie)
  const { address } = Context.get(context, HttpServer.HttpServer)
  if (address._tag === "UnixPathAddress") return yield* Effect.die("The gateway does not listen on a port")
  return gatewayAt(`http://127.0.0.1:${address.port}`, adminKey)
})

export const gatewayAt = (url: string, adminKey: string): TestGateway => {
  const request = (path: string, init: RequestInit = {}) =>
    Effect.promise(async (signal): Promise<Answer> => {
      const response = await fetch(`${url}${path}`, { signal, ...init })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        text,
        get json() {
          return JSON.parse(text)
        }
      }
    })
  const send = (method: string, path: string, bearer: string, body: unknown, headers = {}) =>
    request(path, {
      method,
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
  const admin = (method: string, path: string, body?: unknown) => send(method, `/admin/v1${path}`, adminKey, body)

  return {
    url,
    adminKey,
    admin,
    request,
    makeKey: Effect.fnUntraced(function* (options = {}) {
      const user = yield* admin("POST", "/users", { email: `${crypto.randomUUID()}@example.org` })
      const key = yield* admin("POST", "/keys", {
        user_id: user.json.id,
        name: "test",
        tier: "enterprise",
        ...options
      })
      if (key.status !== 201) return yield* Effect.die(new Error(`No key was made: ${key.text}`))
      return key.json.key
    }),
    post: (path, key, body, headers) => send("POST", path, key, body, headers),
    chat: (key, body) => send("POST", "/v1/chat/completions", key, body),
    openai: (key) => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 })
  }
}
