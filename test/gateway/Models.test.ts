import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { alias } from "../support/ScriptedProvider.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    /** `GET`, as whoever holds this key; as one who may use everything without. */
    readonly get: (path: string, key?: string, method?: string) => Effect.Effect<Answer>
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make()
      const gateway = yield* startGateway({
        providers: providers({ openai: openAiSettings(upstream.baseUrl), sandbox: { kind: "sandbox" } }),
        models: new Map([["team/smart", alias(["openai/gpt-test"])]])
      })
      const everything = yield* gateway.makeKey()
      return {
        gateway,
        get: (path, key = everything, method = "GET") =>
          gateway.request(path, { method, headers: { authorization: `Bearer ${key}` } })
      }
    })
  )
}

const idsOf = ({ json }: Answer): ReadonlyArray<string> => json.data.map(({ id }: { id: string }) => id)

const sandbox = ["sandbox/echo", "sandbox/story", "sandbox/tools", "sandbox/embed"]
const openai = OpenAiUpstream.models.map((id) => `openai/${id}`)

layer(Subject.layer, { excludeTestServices: true })("GET /v1/models", (it) => {
  it.effect("lists what there is in OpenAI's form, aliases first", () =>
    Effect.gen(function* () {
      const { get } = yield* Subject
      const answer = yield* get("/v1/models")
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.json.object, "list")
      assert.deepStrictEqual(idsOf(answer), ["team/smart", ...openai, ...sandbox])
      const { supported_parameters, ...model } = answer.json.data[1]
      assert.deepStrictEqual(model, {
        id: "openai/gpt-test",
        object: "model",
        created: 1_700_000_000,
        owned_by: "upstream",
        name: "openai/gpt-test",
        context_length: null,
        architecture: {
          modality: "text+image->text",
          input_modalities: ["text", "image"],
          output_modalities: ["text"]
        },
        pricing: null,
        top_provider: { context_length: null, max_completion_tokens: null }
      })
      assert.includeMembers(supported_parameters, ["max_tokens", "tools", "response_format", "temperature"])
    })
  )

  it.effect("lists those of one provider", () =>
    Effect.gen(function* () {
      const { get } = yield* Subject
      assert.deepStrictEqual(idsOf(yield* get("/v1/models?provider=sandbox")), sandbox)
      assert.deepStrictEqual(idsOf(yield* get("/v1/models?provider=openai")), openai)
      for (const provider of ["nobody", "sand", "team", ""]) {
        const expected = provider === "team" ? ["team/smart"] : []
        assert.deepStrictEqual(idsOf(yield* get(`/v1/models?provider=${provider}`)), expected, provider)
      }
    })
  )

  it.effect("lists to a key that is bound to some models those, by the names that it may use", () =>
    Effect.gen(function* () {
      const { gateway, get } = yield* Subject
      const key = yield* gateway.makeKey({ models: ["sandbox/story", "team/smart", "openai/gone", "nobody/x"] })
      assert.deepStrictEqual(idsOf(yield* get("/v1/models", key)), ["sandbox/story", "team/smart"])
      assert.deepStrictEqual(idsOf(yield* get("/v1/models?provider=openai", key)), [])
    })
  )

  it.effect("is for who is known", () =>
    Effect.gen(function* () {
      const { gateway, get } = yield* Subject
      for (const path of ["/v1/models", "/v1/models/sandbox/echo", "/v1/models/sandbox%2Fecho", "/v1/models/none"]) {
        const anonymous = yield* gateway.request(path)
        assert.strictEqual(anonymous.json.error.details.reason, "missing_credentials", path)
        assert.match(anonymous.headers.get("www-authenticate") ?? "", /^Bearer /)
        assert.strictEqual((yield* get(path, "xr-pro-none")).status, 401, path)
      }
    })
  )
})

layer(Subject.layer, { excludeTestServices: true })("GET /v1/models/{id}", (it) => {
  it.effect("tells of a model, whether the slash of its id is encoded or not", () =>
    Effect.gen(function* () {
      const { get } = yield* Subject
      const expected = { id: "sandbox/echo", object: "model", created: 0, owned_by: "xrouter" }
      const told = ({ json: { id, object, created, owned_by } }: Answer) => ({ id, object, created, owned_by })
      for (const id of ["sandbox/echo", "sandbox%2Fecho", "sandbox%2fecho", "%73andbox/ech%6F"]) {
        const answer = yield* get(`/v1/models/${id}`)
        assert.deepStrictEqual([answer.status, told(answer)], [200, expected], id)
      }
      assert.strictEqual((yield* get("/v1/models/team%2Fsmart")).json.owned_by, "xrouter")
    })
  )

  it.effect("answers HEAD without a body", () =>
    Effect.gen(function* () {
      const { get } = yield* Subject
      for (const path of ["/v1/models", "/v1/models/sandbox/echo", "/v1/models/sandbox%2Fecho"]) {
        const answer = yield* get(path, undefined, "HEAD")
        assert.deepStrictEqual([answer.status, answer.text], [200, ""], path)
      }
    })
  )

  it.effect("knows no other: 404 in OpenAI's words", () =>
    Effect.gen(function* () {
      const { get } = yield* Subject
      for (const id of [
        "none",
        "openai/none",
        "openai%2Fnone",
        "nobody/x/y",
        "sandbox%252Fecho",
        "..%2F..%2Fetc",
        "a%00b"
      ]) {
        const answer = yield* get(`/v1/models/${id}`)
        assert.strictEqual(answer.status, 404, id)
        assert.strictEqual(answer.json.error.details.reason, "model_not_found", id)
      }
    })
  )

  it.effect("finds nothing at a path that is not well-formed", () =>
    Effect.gen(function* () {
      const { get } = yield* Subject
      for (const id of ["%zz", "a/%zz", "%E0%A4%A", "a/%FF"])
        assert.strictEqual((yield* get(`/v1/models/${id}`)).status, 404, id)
    })
  )

  it.effect("tells nothing to a key of a model that it may not use", () =>
    Effect.gen(function* () {
      const { gateway, get } = yield* Subject
      const key = yield* gateway.makeKey({ models: ["sandbox/story"] })
      for (const id of ["sandbox/echo", "sandbox%2Fecho"]) {
        const answer = yield* get(`/v1/models/${id}`, key)
        assert.deepStrictEqual([answer.status, answer.json.error.details.reason], [403, "model_not_allowed"])
      }
      assert.strictEqual((yield* get("/v1/models/sandbox/story", key)).status, 200)
      assert.strictEqual((yield* get("/v1/models/none", key)).status, 404)
    })
  )
})

layer(Subject.layer, { excludeTestServices: true })("GET /v1/parameters/{id}", (it) => {
  it.effect("tells what a model carries, whether the slash of its id is encoded or not", () =>
    Effect.gen(function* () {
      const { get } = yield* Subject
      for (const id of ["openai/gpt-test", "openai%2Fgpt-test", "team/smart"]) {
        const answer = yield* get(`/v1/parameters/${id}`)
        assert.strictEqual(answer.status, 200, id)
        assert.strictEqual(answer.json.data.model, decodeURIComponent(id))
        assert.includeMembers(answer.json.data.supported_parameters, ["max_tokens", "temperature", "tools"])
      }
    })
  )

  it.effect("finds what is no model as little as /v1/models does, and for nobody who is not known", () =>
    Effect.gen(function* () {
      const { gateway, get } = yield* Subject
      assert.strictEqual((yield* get("/v1/parameters/openai/none")).json.error.details.reason, "model_not_found")
      assert.strictEqual((yield* gateway.request("/v1/parameters/openai/gpt-test")).status, 401)
      const bound = yield* gateway.makeKey({ models: ["sandbox/story"] })
      assert.strictEqual((yield* get("/v1/parameters/openai/gpt-test", bound)).status, 403)
    })
  )

  it.effect("and the list can be asked for models that carry some of them", () =>
    Effect.gen(function* () {
      const { get } = yield* Subject
      assert.include(idsOf(yield* get("/v1/models?supported_parameters=tools,temperature")), "openai/gpt-test")
      assert.deepStrictEqual(idsOf(yield* get("/v1/models?supported_parameters=tools,telepathy")), [])
    })
  )
})
