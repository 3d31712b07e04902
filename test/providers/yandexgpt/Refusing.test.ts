import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import type { ProviderFailure } from "../../../src/domain/Errors.ts"
import type { Refusal } from "../../../src/providers/Dialect.ts"
import * as YandexDialect from "../../../src/providers/yandexgpt/YandexDialect.ts"
import { call } from "./Calls.ts"

const folderId = "my-own-folder"
const apiKey = "plain-key-without-a-pattern"
const dialect = YandexDialect.make({ provider: "yandexgpt", folderId, secrets: [Redacted.make(apiKey)] })

const refuse = (status: number, body: unknown, headers: Refusal["headers"] = {}): ProviderFailure =>
  dialect.refuse(call(), { status, headers, body: typeof body === "string" ? body : JSON.stringify(body) })

const rest = (grpcCode: number, httpCode: number, message: string) => ({
  error: { grpcCode, httpCode, message, httpStatus: "", details: [] }
})

const inLine = (line: unknown) =>
  Result.getOrThrow(Result.flip(dialect.step(dialect.start(call()), JSON.stringify(line))))

describe("YandexDialect.refuse", () => {
  const statuses: ReadonlyArray<readonly [http: number, grpc: number, tag: string, reason: string]> = [
    [400, 3, "ValidationError", "provider_rejected_request"],
    [401, 16, "ProviderError", "provider_rejected_credentials"],
    [403, 7, "ProviderError", "provider_rejected_credentials"],
    [429, 8, "RateLimitError", "provider_rate_limit"],
    [500, 13, "ProviderError", "provider_failed"],
    [501, 12, "ProviderError", "provider_failed"],
    [503, 14, "ProviderError", "provider_unavailable"],
    [504, 4, "ProviderError", "provider_timeout"]
  ]

  it.each(statuses)("tells status %d (gRPC %d) as %s %s, also as a line of a 200", (http, grpc, tag, reason) => {
    const shapes = [
      refuse(http, rest(grpc, http, "no")),
      refuse(http, { code: grpc, message: "no", details: [] }),
      refuse(http, { error: { message: "no", type: "x", code: null } }),
      refuse(http, { error: "no" }),
      refuse(http, "no"),
      inLine(rest(grpc, http, "no")),
      inLine({ error: { grpc_code: grpc, http_code: http, message: "no" } }),
      inLine({ error: { http_code: http, message: "no" } }),
      inLine({ error: { grpcCode: grpc, message: "no" } }),
      inLine({ error: { grpc_code: grpc, message: "no" } }),
      inLine({ code: grpc, message: "no", details: [] }),
      refuse(200, rest(grpc, http, "no"))
    ]
    for (const error of shapes) {
      assert.deepStrictEqual([error._tag, error.reason], [tag, reason])
      if (error._tag === "ProviderError") {
        assert.strictEqual(error.upstreamStatus, http)
        assert.strictEqual(error.upstreamMessage, "no")
      }
    }
  })

  it("takes a model that is not there as the caller's fault, under 404 and 400", () => {
    const said = `Failed to get model: model 'gpt://${folderId}/yandexgpt-9' not found`
    for (const error of [refuse(404, rest(5, 404, said)), refuse(400, rest(3, 400, said))]) {
      assert.deepStrictEqual([error._tag, error.reason], ["ValidationError", "model_not_found"])
      assert.notInclude(error.message, folderId)
    }
  })

  it("takes a wrong folder as the operator's fault", () => {
    const said =
      "Specified folder ID 'b1gaaaaaaaaaaaaaaaaa' does not match with service account folder ID 'b1gbbbbbbbbbbbbbbbbb'"
    const error = refuse(400, rest(3, 400, said))
    assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", "provider_rejected_credentials"])
    assert.isTrue(error._tag === "ProviderError" && !error.isRetryable)
    assert.notMatch(JSON.stringify(error), /b1g[ab]{17}/)
  })

  it("knows a prompt that is too long", () => {
    const error = refuse(400, rest(3, 400, "number of input tokens must be no more than 32768, got 40000"))
    assert.deepStrictEqual([error._tag, error.reason], ["ValidationError", "context_length_exceeded"])
  })

  it("waits a second for a free session, or as long as the vendor says", () => {
    const body = rest(
      8,
      429,
      "ai.textGenerationCompletionSessionsCount.count gauge quota limit exceed: allowed 10 requests"
    )
    const wait = (headers: Refusal["headers"]) => {
      const error = refuse(429, body, headers)
      return error._tag === "RateLimitError" ? error.retryAfterMillis : assert.fail(error._tag)
    }
    assert.deepStrictEqual([wait({}), wait({ "retry-after": "7" })], [1000, 7000])
  })

  it("tells neither our key nor our folder nor a token", () => {
    const said = `Unknown api key '${apiKey}' in ${folderId}: AQVNabcdefgh0123456789, Bearer t1.9euelZq`
    const everything = JSON.stringify([
      refuse(401, rest(16, 401, said)),
      refuse(400, rest(3, 400, said)),
      inLine(rest(16, 401, said))
    ])
    for (const secret of [apiKey, folderId, "AQVNabc", "t1.9euel"]) assert.notInclude(everything, secret)
  })

  it("makes one line of a page of HTML", () => {
    const error = refuse(502, "<html>\n<head><title>502 Bad Gateway</title></head><body>long</body></html>")
    assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", "provider_failed"])
    assert.strictEqual(error._tag === "ProviderError" ? error.upstreamMessage : "", 'a page of HTML, "502 Bad Gateway"')
  })
})
