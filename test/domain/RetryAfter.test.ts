import { assert, describe, it } from "@effect/vitest"
import { retryAfterMillis } from "../../src/domain/RetryAfter.ts"

describe("The wish to wait", () => {
  const date = "Mon, 23 Nov 2026 04:00:00 GMT"
  for (const [headers, millis] of [
    [{ "retry-after": "2" }, 2000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after-ms": "1500", "retry-after": "2" }, 1500],
    [{ "retry-after-ms": ["30"] }, 30],
    [{ "retry-after": "Mon, 23 Nov 2026 04:01:30 GMT", date }, 90_000],
    [{ "retry-after": "Mon, 23 Nov 2026 03:00:00 GMT", date }, undefined],
    [{ "retry-after": "Mon, 23 Nov 2026 04:01:30 GMT" }, undefined],
    [{ "retry-after": "0" }, undefined],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "99999999999" }, 86_400_000],
    [{}, undefined]
  ] as const) {
    it(`${JSON.stringify(headers)} is ${millis ?? "none"}`, () => {
      assert.strictEqual(retryAfterMillis(headers), millis)
    })
  }
})
