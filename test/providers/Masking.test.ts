import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { upstreamMessage } from "../../src/providers/Masking.ts"

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

describe("Upstream messages", () => {
  for (const [what, said, told] of [
    ["OpenAI keys, whole", "Incorrect API key provided: sk-proj-abcDEF123456789.", "Incorrect API key provided: ***"],
    [
      "OpenAI keys that were masked half-way",
      "Incorrect API key provided: sk-ab*****xyz9. See",
      "Incorrect API key provided: *** See"
    ],
    ["bearer tokens", "got 'Authorization: Bearer abc.def-123'", "got 'Authorization: ***'"],
    ["basic credentials", "Basic Y2xpZW50OnNlY3JldA== refused", "Basic *** refused"],
    ["Yandex API keys", "Unknown api key 'AQVNyZ_-a1b2c3d4'", "Unknown api key '***'"],
    ["IAM tokens", "token t1.9euelZqMk8.abc-DEF_12 has expired", "token *** has expired"],
    ["JSON web tokens", `bad token ${jwt}`, "bad token ***"],
    ["passwords that are named", '{"client_secret":"hunter22","x":1}', '{"client_secret":"***","x":1}'],
    ["folder ids", "Permission denied for folder b1gabcdefghij0123456", "Permission denied for folder ***"],
    ["service accounts", "account ajeabcdefghij0123456 is blocked", "account *** is blocked"],
    [
      "the folder of a model's URI, but not its name",
      "no gpt://b1gxyz/yandexgpt/latest",
      "no gpt://***/yandexgpt/latest"
    ],
    ["URLs", "see https://platform.openai.com/account/api-keys for more", "see https://*** for more"],
    ["host names", "connect to gigachat.devices.sberbank.ru:443 failed", "connect to *** failed"],
    ["inner host names", "upstream llm-7.prod.svc.cluster.local timed out", "upstream *** timed out"],
    ["IPv4 addresses", "dial tcp 10.0.12.7:8443: refused", "dial tcp ***: refused"],
    ["IPv6 addresses", "dial [fe80::1ff:fe23:4567:890a] refused", "dial [***] refused"],
    ["long random strings", `session ${"aB3".repeat(12)} ended`, "session *** ended"],
    ["organization ids", "in organization org-AbCdEf123456 on tokens", "in organization *** on tokens"]
  ] as const) {
    it(`lose ${what}`, () => {
      assert.strictEqual(upstreamMessage(said), told)
    })
  }

  for (const said of [
    "Invalid 'messages[0].content': expected a string, got tools.0.function.name instead.",
    "This model's maximum context length is 8192 tokens, however you requested 9000 tokens (8000 in the messages).",
    "Модель GigaChat-2-Max не найдена",
    "The model `Qwen/Qwen3-Coder-480B-A35B-Instruct` does not exist",
    "temperature must be between 0.0 and 2.0; top_p=1.5",
    "ai.textGenerationCompletionSessionsCount.count gauge quota limit exceed: allowed 10 requests",
    "max_completion_tokens_is_not_supported_with_this_model"
  ]) {
    it(`keep what helps: ${said}`, () => {
      assert.strictEqual(upstreamMessage(said), said)
    })
  }

  it("lose what they are told to hide, wherever it stands", () => {
    const secrets = ["my-folder", "s3cret"]
    assert.strictEqual(upstreamMessage("my-folder/x and s3cret!", secrets), "***/x and ***!")
  })

  it("are not torn apart by a secret that is nearly nothing", () => {
    assert.strictEqual(upstreamMessage("a bad request", ["a", ""]), "a bad request")
  })

  it("say of a page of HTML only that it is one, and its title", () => {
    const page = "<!DOCTYPE html>\n<html><head><title> 502 Bad Gateway </title></head><body>nginx</body></html>"
    assert.strictEqual(upstreamMessage(page), 'a page of HTML, "502 Bad Gateway"')
    assert.strictEqual(upstreamMessage("  <html><body>x</body></html>"), "a page of HTML")
  })

  it("are one line of at most 500 characters, not cut through a letter", () => {
    assert.strictEqual(upstreamMessage("a\r\n\tb\u0000\u2028c"), "a b c")
    const long = upstreamMessage(`${"x ".repeat(249)}z🐞${"y ".repeat(1000)}`)
    assert.isAtMost(long.length, 500)
    assert.isTrue(long.isWellFormed())
    assert.isTrue(long.endsWith("…"))
  })

  it("do not show the piece of a secret that their own cutting left", () => {
    const told = upstreamMessage(`${"Bearer abcdef ".repeat(290)}${jwt} ${jwt} ${jwt}`)
    assert.notInclude(told, "eyJ")
  })

  it.prop(
    "never show a key, whatever is around it",
    { before: Schema.String, after: Schema.String },
    ({ before, after }) => {
      const key = "sk-live-0123456789abcdefghij"
      assert.notInclude(upstreamMessage(`${before} ${key} ${after}`), key)
      assert.notInclude(upstreamMessage(`${before}${key}${after}`, [key]), key)
    }
  )

  it("are made in a moment, whatever is thrown at them", () => {
    for (const nasty of ["a.", "a:", "eyJ", "1.", "-", "http", "Bearer ", "api_key=", "0:", "=", "sk-"]) {
      const start = performance.now()
      upstreamMessage(nasty.repeat(500_000))
      assert.isBelow(performance.now() - start, 500)
    }
  })
})
