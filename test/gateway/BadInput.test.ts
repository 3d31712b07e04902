import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { request } from "node:http"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import { bodyOf, rawExchange, statusOf } from "../support/RawHttp.ts"

const maxBody = 64 * 1024

class Subject extends Context.Service<Subject, { readonly gateway: TestGateway; readonly key: string }>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const gateway = yield* startGateway({ maxBody })
      return { gateway, key: yield* gateway.makeKey() }
    })
  )
}

const good = { model: "sandbox/echo", messages: [{ role: "user", content: "Hello" }] }

const assertRefused = (answer: Answer, status: number, reason: string, param: string | null = null) => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/)
  assert.match(answer.headers.get("x-request-id") ?? "", /^req_[0-9a-f]{32}$/)
  const { error } = answer.json
  assert.strictEqual(error.code, "validation_error")
  assert.strictEqual(error.type, "invalid_request_error")
  assert.strictEqual(error.details.reason, reason)
  assert.strictEqual(error.details.request_id, answer.headers.get("x-request-id"))
  assert.strictEqual(error.param, param)
  assert.isAbove(error.message.length, 0)
}

const assertLives = Effect.fnUntraced(function* (gateway: TestGateway, key: string) {
  assert.strictEqual((yield* gateway.chat(key, good)).status, 200)
})

layer(Subject.layer, { excludeTestServices: true })("a body that is not a chat request", (it) => {
  const wrong: ReadonlyArray<readonly [what: string, body: unknown, reason: string, param: string | null]> = [
    ["broken JSON", '{"model": ', "invalid_json", null],
    ["no body at all", "", "invalid_json", null],
    ["JSON that is no object", "[1, 2]", "invalid_body", null],
    ["messages and prompt", { ...good, prompt: "x" }, "invalid_body", "prompt"],
    ["neither messages nor prompt", { model: "sandbox/echo" }, "invalid_body", "messages"],
    ["no model", { messages: good.messages }, "invalid_body", "model"],
    ["messages that are no list", { ...good, messages: {} }, "invalid_body", "messages"],
    ["no message", { ...good, messages: [] }, "invalid_body", "messages"],
    ["an unknown role", { ...good, messages: [{ role: "root", content: "x" }] }, "invalid_body", "messages[0].role"],
    [
      "content that is a number",
      { ...good, messages: [{ role: "user", content: 5 }] },
      "invalid_body",
      "messages[0].content"
    ],
    ["stream as a word", { ...good, stream: "yes" }, "invalid_body", "stream"],
    ["max_tokens of 0", { ...good, max_tokens: 0 }, "invalid_body", "max_tokens"],
    ["max_tokens below 0", { ...good, max_tokens: -1 }, "invalid_body", "max_tokens"],
    ["max_tokens that is not whole", { ...good, max_tokens: 1.5 }, "invalid_body", "max_tokens"],
    ["max_tokens as text", { ...good, max_tokens: "7" }, "invalid_body", "max_tokens"],
    [
      "max_tokens without end",
      `${JSON.stringify(good).slice(0, -1)},"max_tokens":1e999}`,
      "invalid_body",
      "max_tokens"
    ],
    ["a temperature over 2", { ...good, temperature: 2.5 }, "invalid_body", "temperature"],
    ["stream_options without stream", { ...good, stream_options: {} }, "invalid_body", "stream_options"],
    ["a prompt that is no string", { model: "sandbox/echo", prompt: [1] }, "invalid_body", "prompt"],
    ["nesting without end", `{"model":"m","messages":${"[".repeat(10_000)}`, "invalid_json", null]
  ]
  for (const [what, body, reason, param] of wrong) {
    it.effect(`${what}: 400 ${reason}${param === null ? "" : ` at ${param}`}`, () =>
      Effect.gen(function* () {
        const { gateway, key } = yield* Subject
        assertRefused(yield* gateway.chat(key, body), 400, reason, param)
        yield* assertLives(gateway, key)
      })
    )
  }

  it.effect("bytes that are no UTF-8: 400 invalid_json", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const answer = yield* gateway.request("/v1/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d)
      })
      assertRefused(answer, 400, "invalid_json")
    })
  )

  it.effect("null where OpenAI takes it for absent, fields nobody knows, and hostile keys are no fault", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const body = { ...good, temperature: null, stop: null, max_tokens: null, metadata: { a: "b" }, verbosity: "low" }
      assert.strictEqual((yield* gateway.chat(key, body)).status, 200)
      const hostile = `${JSON.stringify(good).slice(0, -1)},"__proto__":{"polluted":true},"constructor":{"prototype":{}}}`
      assert.strictEqual((yield* gateway.chat(key, hostile)).status, 200)
      assert.isUndefined(Reflect.get({}, "polluted"))
    })
  )

  it.effect("`prompt` stands for one user message", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const { json } = yield* gateway.chat(key, { model: "sandbox/echo", prompt: "Just this" })
      assert.strictEqual(json.choices[0].message.content, "Just this")
    })
  )
})

layer(Subject.layer, { excludeTestServices: true })("a request that is not of the right form", (it) => {
  const post = (key: string, headers: Record<string, string>, body: string) =>
    Effect.flatMap(Subject, ({ gateway }) =>
      gateway.request("/v1/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, ...headers },
        body
      })
    )

  for (const type of [
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16"
  ]) {
    it.effect(`${type}: 415`, () =>
      Effect.gen(function* () {
        const { key } = yield* Subject
        assertRefused(yield* post(key, { "content-type": type }, JSON.stringify(good)), 415, "unsupported_media_type")
      })
    )
  }

  it.effect("JSON in UTF-8 is taken however it is spelled", () =>
    Effect.gen(function* () {
      const { key } = yield* Subject
      for (const type of ["application/json; charset=UTF-8", 'Application/JSON;charset="utf-8"']) {
        assert.strictEqual((yield* post(key, { "content-type": type }, JSON.stringify(good))).status, 200)
      }
    })
  )

  it.effect("a compressed body: 415", () =>
    Effect.gen(function* () {
      const { key } = yield* Subject
      const headers = { "content-type": "application/json", "content-encoding": "gzip" }
      assertRefused(yield* post(key, headers, "x"), 415, "unsupported_media_type")
    })
  )

  it.effect("an unknown model: 404 in OpenAI's words, however it is spelled", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      for (const model of ["gpt-none", "nobody/none", "../etc/passwd", "a\nb", "x".repeat(10_000)]) {
        const answer = yield* gateway.chat(key, { ...good, model })
        assertRefused(answer, 404, "model_not_found")
        assert.isBelow(answer.text.length, 600)
      }
      const { json } = yield* gateway.chat(key, { ...good, model: "gpt-none" })
      assert.strictEqual(json.error.message, "The model `gpt-none` does not exist or you do not have access to it.")
    })
  )

  it.effect("unknown routes: 404", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      for (const path of [
        "/",
        "/v1",
        "/v1/nope",
        "/v2/chat/completions",
        "/v1/chat/completions/more",
        "/%zz",
        "/v1/modelsx",
        // One spelling for each path.
        "/V1/models",
        "//v1/models",
        "/v1//models",
        "/health/",
        "/Admin/v1/users"
      ]) {
        assertRefused(yield* gateway.request(path), 404, "not_found")
      }
    })
  )

  it.effect("a known path with another method: 405 with Allow", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      for (const [method, path, allow] of [
        ["GET", "/v1/chat/completions", "POST, OPTIONS"],
        ["DELETE", "/v1/chat/completions", "POST, OPTIONS"],
        ["POST", "/v1/models", "GET, HEAD, OPTIONS"],
        ["POST", "/v1/models/sandbox/echo", "GET, HEAD, OPTIONS"],
        ["PUT", "/health", "GET, HEAD, OPTIONS"]
      ] as const) {
        const answer = yield* gateway.request(path, { method })
        assertRefused(answer, 405, "method_not_allowed")
        assert.strictEqual(answer.headers.get("allow"), allow)
      }
      const trace = yield* rawExchange(gateway.url, "TRACE /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      assert.strictEqual(statusOf(trace), 405)
    })
  )

  it.effect("credentials that cannot be read are challenged as such (RFC 6750, section 3.1)", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const twice = yield* rawExchange(
        gateway.url,
        "GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\nConnection: close\r\n\r\n"
      )
      assert.strictEqual(statusOf(twice), 400)
      assert.match(twice, /\r\nwww-authenticate: Bearer realm="xrouter", error="invalid_request"/i)
      const answer = yield* gateway.request("/v1/models", { headers: { authorization: "Bearer one, two" } })
      assertRefused(answer, 400, "invalid_request", "authorization")
      assert.match(
        answer.headers.get("www-authenticate") ?? "",
        /^Bearer realm="xrouter", error="invalid_request", error_description="[^"]+", resource_metadata="http[^"]+"$/
      )
    })
  )

  it.effect("who calls is asked before what is in the body", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const anonymous = yield* gateway.request("/v1/chat/completions", { method: "POST", body: "{" })
      assert.strictEqual(anonymous.status, 401)
      assert.strictEqual(anonymous.json.error.details.reason, "missing_credentials")
      assert.match(anonymous.headers.get("www-authenticate") ?? "", /^Bearer realm="xrouter", resource_metadata="http/)
      const stranger = yield* gateway.chat("xr-pro-mistyped", "{")
      assert.strictEqual(stranger.json.error.details.reason, "invalid_api_key")
      assert.match(stranger.headers.get("www-authenticate") ?? "", /error="invalid_token"/)
    })
  )
})

layer(Subject.layer, { excludeTestServices: true })("a request that is too much", (it) => {
  const head = (key: string, more: string) =>
    `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`

  it.effect("a declared body over the limit: 413 before a byte of it was sent", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const answer = yield* rawExchange(gateway.url, head(key, "Content-Length: 999999999"))
      assert.strictEqual(statusOf(answer), 413)
      assert.strictEqual(bodyOf(answer).error.details.reason, "body_too_large")
      assert.match(answer, /\r\nconnection: close\r\n/i)
      yield* assertLives(gateway, key)
    })
  )

  it.effect("a body over the limit that did not say so: 413 as soon as it is over", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const chunk = `4000\r\n${" ".repeat(0x4000)}\r\n`
      // One chunk more than the limit, and never an end: the answer does not wait for it.
      const chunks = Array.from({ length: maxBody / 0x4000 + 1 }, () => chunk)
      const answer = yield* rawExchange(gateway.url, [head(key, "Transfer-Encoding: chunked"), ...chunks], "request_id")
      assert.strictEqual(statusOf(answer), 413)
      yield* assertLives(gateway, key)
    })
  )

  it.effect("a client that waits for `100 Continue` with a wrong key is refused without its body", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const answer = yield* rawExchange(
        gateway.url,
        head("xr-pro-wrong", "Content-Length: 100\r\nExpect: 100-continue"),
        "request_id"
      )
      assert.strictEqual(statusOf(answer), 401)
    })
  )

  it.effect("a body that waits to be asked for is asked for, and answered", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const body = JSON.stringify({ model: "sandbox/echo", messages: [{ role: "user", content: "Hello" }] })
      const status = yield* Effect.callback<number | undefined>((resume) => {
        const asking = request(`${gateway.url}/v1/chat/completions`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${key}`,
            "content-type": "application/json",
            "content-length": Buffer.byteLength(body),
            expect: "100-continue"
          }
        })
        asking.once("continue", () => asking.end(body))
        asking.once("response", (answer) => {
          answer.resume()
          resume(Effect.succeed(answer.statusCode))
        })
        asking.once("error", (error) => resume(Effect.die(error)))
        asking.flushHeaders()
      })
      assert.strictEqual(status, 200)
    })
  )

  it.effect("a head over 16 KiB, or more than 100 fields: 431", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const long = yield* rawExchange(gateway.url, head(key, `X-Long: ${"x".repeat(20_000)}`))
      const many = yield* rawExchange(
        gateway.url,
        head(key, `Connection: close\r\n${Array.from({ length: 120 }, (_, i) => `x-${i}: 1`).join("\r\n")}`)
      )
      for (const answer of [long, many]) {
        assert.strictEqual(statusOf(answer), 431)
        assert.strictEqual(bodyOf(answer).error.details.reason, "headers_too_large")
      }
    })
  )

  it.effect("bytes that are no HTTP, or could be read in two ways: 400 and the connection closed", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const smuggled = [
        "GARBAGE\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "GET /v1/models HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        `GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\nAuthorization: Bearer ${key}\r\nConnection: close\r\n\r\n`
      ]
      for (const bytes of smuggled) {
        const answer = yield* rawExchange(gateway.url, bytes)
        assert.strictEqual(statusOf(answer), 400, bytes)
        assert.strictEqual(bodyOf(answer).error.details.reason, "invalid_request")
        assert.strictEqual(answer.match(/HTTP\/1\.1 /g)?.length, 1)
      }
      yield* assertLives(gateway, key)
    })
  )
})
