import { assert, layer } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Context, Effect, Layer } from "effect"
import { HttpApi } from "effect/http-api"
import {
  authReasons,
  internalReasons,
  providerReasons,
  rateLimitReasons,
  validationReasons
} from "../../src/domain/Errors.ts"
import { Api } from "../../src/gateway/Api.ts"
import { authStatus, internalStatus, providerStatus, validationStatus } from "../../src/gateway/ErrorResponse.ts"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"

interface Operation {
  readonly operationId: string
  readonly summary?: string
  readonly security: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}

/** As much of JSON Schema as is looked at here. */
interface JsonSchema {
  readonly additionalProperties?: boolean
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly anyOf?: ReadonlyArray<JsonSchema>
  readonly enum?: ReadonlyArray<string>
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>
    readonly securitySchemes: Readonly<Record<string, unknown>>
  }
}

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly document: Document
    /** Fails where the document does not allow this answer to this operation. */
    readonly assertDeclared: (method: string, path: string, answer: Answer) => void
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      const document: Document = (yield* gateway.request("/openapi.json")).json
      const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
      ajv.addSchema(document, "document")
      const pointer = (...keys: ReadonlyArray<string>) =>
        keys.map((key) => encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")
      return {
        gateway,
        document,
        assertDeclared: (method, path, { headers, status, text }) => {
          const response = document.paths[path]?.[method]?.responses[status]
          assert.isDefined(response, `${method} ${path} may answer ${status}`)
          if (response?.content === undefined) return assert.strictEqual(text, "")
          const [type = ""] = (headers.get("content-type") ?? "").split(";")
          assert.isDefined(response.content[type], `${method} ${path} ${status} may be ${type}`)
          const place = pointer("paths", path, method, "responses", String(status), "content", type, "schema")
          const validate = ajv.compile({ $ref: `document#/${place}` })
          const isValid = validate(JSON.parse(text))
          assert.isTrue(isValid, `${method} ${path} ${status}: ${ajv.errorsText(validate.errors)}`)
        }
      }
    })
  )
}

layer(Subject.layer, { excludeTestServices: true })("the OpenAPI document", (it) => {
  it.effect("has every route of the API once, with a name of its own and a line on what it does", () =>
    Effect.gen(function* () {
      const { document } = yield* Subject
      assert.match(document.openapi, /^3\.1\./)
      const declared = new Set<string>()
      HttpApi.reflect(Api, {
        onGroup: () => {},
        onEndpoint: ({ endpoint }) =>
          void declared.add(`${endpoint.method.toLowerCase()} ${endpoint.path.replace(/:(\w+)/g, "{$1}")}`)
      })
      const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation }))
      )
      assert.deepStrictEqual(operations.map(({ name }) => name).sort(), [...declared].sort())
      assert.include(declared, "post /v1/chat/completions")
      assert.strictEqual(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length)
      for (const { name, operation } of operations) assert.isAbove(operation.summary?.length ?? 0, 0, name)
    })
  )

  it.effect("tells which key each route is opened with", () =>
    Effect.gen(function* () {
      const { document } = yield* Subject
      for (const [path, methods] of Object.entries(document.paths)) {
        const byKeyOrToken = path.startsWith("/v1/keys") ? ["oauth2"] : ["bearer", "oauth2"]
        const expected = path.startsWith("/v1/") ? byKeyOrToken : path.startsWith("/admin/") ? ["adminKey"] : []
        for (const { security } of Object.values(methods)) {
          assert.deepStrictEqual(security.flatMap(Object.keys), expected, path)
        }
      }
      for (const name of ["bearer", "adminKey"]) {
        assert.deepInclude(document.components.securitySchemes[name], { type: "http", scheme: "Bearer" })
      }
      assert.deepInclude(document.components.securitySchemes["oauth2"], { type: "oauth2" })
      assert.deepStrictEqual(document.paths["/v1/keys"]?.["post"]?.security, [{ oauth2: ["keys"] }])
    })
  )

  it.effect("lists the reasons of each error status, all of them and no other", () =>
    Effect.gen(function* () {
      const { document } = yield* Subject
      const byStatus = new Map<string, Set<string>>()
      const add = (name: string, status: number, reason: string) => {
        const key = `${name}${status}`
        byStatus.set(key, (byStatus.get(key) ?? new Set()).add(reason))
      }
      for (const reason of authReasons) add("AuthError", authStatus(reason), reason)
      for (const reason of validationReasons) add("ValidationError", validationStatus(reason), reason)
      for (const reason of rateLimitReasons) add("RateLimitError", 429, reason)
      for (const reason of providerReasons) add("ProviderError", providerStatus(reason), reason)
      for (const reason of internalReasons) add("InternalError", internalStatus(reason), reason)
      for (const [name, reasons] of byStatus) {
        const fields = document.components.schemas[name]?.properties?.["error"]?.properties
        const reason = fields?.["details"]?.properties?.["reason"]
        const listed = (reason?.anyOf ?? [reason]).flatMap((choice) => choice?.enum ?? [])
        assert.deepStrictEqual([...listed].sort(), [...reasons].sort(), name)
        assert.lengthOf(fields?.["code"]?.enum ?? [], 1)
      }
      const errors = Object.keys(document.components.schemas).filter((name) => /Error\d{3}$/.test(name))
      assert.deepStrictEqual(errors.sort(), [...byStatus.keys()].sort())
    })
  )

  it.effect("tells of every error that a route can answer", () =>
    Effect.gen(function* () {
      const { document } = yield* Subject
      const everywhere = ["400", "404", "405", "408", "413", "415", "431", "500", "503"]
      for (const [path, methods] of Object.entries(document.paths)) {
        for (const [method, { responses }] of Object.entries(methods)) {
          assert.includeMembers(Object.keys(responses), everywhere, `${method} ${path}`)
          if (/^\/(v1|admin)\//.test(path)) assert.includeMembers(Object.keys(responses), ["401", "403"])
        }
      }
      const chat = document.paths["/v1/chat/completions"]?.["post"]?.responses ?? {}
      assert.includeMembers(Object.keys(chat), ["200", "429", "502", "503", "504"])
      assert.includeMembers(Object.keys(chat["200"]?.content ?? {}), ["application/json", "text/event-stream"])
    })
  )

  it.effect("lets a chat request have fields that it does not name, and an administrator's body none", () =>
    Effect.gen(function* () {
      const { document } = yield* Subject
      const { schemas } = document.components
      const closed = Object.keys(schemas).filter((name) =>
        JSON.stringify(schemas[name]).includes('additionalProperties":false')
      )
      assert.deepStrictEqual(closed.sort(), [
        "ClientChanges",
        "KeyChanges",
        "Limits",
        "NewClient",
        "NewKey",
        "NewUser",
        "OwnKey",
        "OwnKeyChanges",
        "UserChanges"
      ])
      assert.isDefined(schemas["ChatRequest"])
      assert.isUndefined(schemas["ChatRequest"]?.additionalProperties)
    })
  )

  it.effect("is true of what the gateway answers", () =>
    Effect.gen(function* () {
      const { assertDeclared, gateway } = yield* Subject
      const { admin, chat, post, request } = gateway
      const key = yield* gateway.makeKey({ models: ["sandbox/echo", "sandbox/tools"] })
      const bearer = { headers: { authorization: `Bearer ${key}` } }
      const messages = [{ role: "user", content: "Hello" }]
      const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }]

      for (const path of ["/health/live", "/health/ready", "/health", "/health/providers"]) {
        assertDeclared("get", path, yield* request(path))
      }
      assertDeclared("get", "/health", yield* request("/health", { headers: { host: "a b" } }))
      assertDeclared("get", "/v1/models", yield* request("/v1/models", bearer))
      assertDeclared("get", "/v1/models", yield* request("/v1/models"))
      assertDeclared("get", "/v1/models", yield* request("/v1/models?provider=a&provider=b", bearer))
      for (const id of ["sandbox%2Fecho", "sandbox%2Fstory", "none"]) {
        assertDeclared("get", "/v1/models/{id}", yield* request(`/v1/models/${id}`, bearer))
      }
      const limited = yield* gateway.makeKey({ limits: { rpm: 1 } })
      for (const [by, body] of [
        [key, { model: "sandbox/echo", messages }],
        [key, { model: "sandbox/tools", messages, tools }],
        [key, { model: "sandbox/echo", messages, n: 2 }],
        [key, { model: "sandbox/story", messages }],
        [key, { model: "none", messages }],
        [key, { model: "sandbox/echo", messages: [] }],
        ["xr-wrong", {}],
        [limited, { model: "sandbox/echo", messages }],
        [limited, { model: "sandbox/echo", messages }]
      ] as const) {
        assertDeclared("post", "/v1/chat/completions", yield* chat(by, body))
      }

      for (const body of [
        { model: "sandbox/echo", prompt: "Hello", n: 2 },
        { model: "sandbox/echo", prompt: "Hello", echo: true }
      ]) {
        assertDeclared("post", "/v1/completions", yield* post("/v1/completions", key, body))
      }
      const flat = { type: "function", name: "f", parameters: { type: "object", properties: {} } }
      for (const body of [
        { model: "sandbox/echo", input: "Hello", temperature: 0.5, metadata: { a: "b" } },
        { model: "sandbox/tools", input: "Hello", tools: [flat], tool_choice: { type: "function", name: "f" } },
        { model: "sandbox/echo", input: "Hello there", max_output_tokens: 1 },
        { model: "sandbox/echo", input: "Hello", background: true }
      ]) {
        assertDeclared("post", "/v1/responses", yield* post("/v1/responses", key, body))
      }
      const embedding = yield* gateway.makeKey({ models: ["sandbox/embed"] })
      for (const body of [
        { input: "Hello" },
        { input: ["Hello", "there"], encoding_format: "base64" },
        { input: [1, 2] },
        { model: "sandbox/echo", input: "Hello" }
      ]) {
        assertDeclared(
          "post",
          "/v1/embeddings",
          yield* post("/v1/embeddings", embedding, { model: "sandbox/embed", ...body })
        )
      }

      const user = yield* admin("POST", "/users", { email: "docs@example.org" })
      assertDeclared("post", "/admin/v1/users", user)
      assertDeclared("post", "/admin/v1/users", yield* admin("POST", "/users", { email: "docs@example.org" }))
      assertDeclared("get", "/admin/v1/users", yield* admin("GET", "/users"))
      assertDeclared("get", "/admin/v1/users/{id}", yield* admin("GET", `/users/${user.json.id}`))
      const made = yield* admin("POST", "/keys", {
        user_id: user.json.id,
        name: "k",
        limits: { rpm: 3 },
        models: ["a"]
      })
      assertDeclared("post", "/admin/v1/keys", made)
      assertDeclared("get", "/admin/v1/keys", yield* admin("GET", "/keys"))
      assertDeclared("patch", "/admin/v1/keys/{id}", yield* admin("PATCH", `/keys/${made.json.id}`, { name: "l" }))
      assertDeclared("delete", "/admin/v1/keys/{id}", yield* admin("DELETE", `/keys/${made.json.id}`))
      assertDeclared("get", "/admin/v1/keys/{id}", yield* admin("GET", `/keys/${made.json.id}`))
      assertDeclared("delete", "/admin/v1/users/{id}", yield* admin("DELETE", `/users/${user.json.id}`))
    })
  )
})

layer(Subject.layer, { excludeTestServices: true })("the page of the documentation", (it) => {
  it.effect("is HTML that holds the document and needs nothing from elsewhere", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const { headers, status, text } = yield* gateway.request("/docs")
      assert.strictEqual(status, 200)
      assert.match(headers.get("content-type") ?? "", /^text\/html/)
      assert.match(text, /^\s*<!doctype html>/i)
      assert.include(text, "/v1/chat/completions")
      assert.notMatch(text, /<(script|link)[^>]+(src|href)="https?:/)
    })
  )
})
