import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Answer, TestGateway } from "../support/Gateway.ts"

/** What the contract says of a store that is away: `internal_error`, when to come back, and nothing of what is behind us. */
export const assertUnavailable = ({ headers, json, status, text }: Answer) => {
  assert.strictEqual(status, 503, text)
  assert.strictEqual(json.error.code, "internal_error")
  assert.strictEqual(json.error.details.reason, "database_unavailable")
  assert.isAtLeast(Number(headers.get("retry-after")), 1)
  assert.isNull(headers.get("www-authenticate"))
  assert.notMatch(text, /ECONN|127\.0\.0\.1|SqlError|postgres/)
}

/** What one of the health endpoints says, or why it says nothing. */
export const statusOf = (gateway: TestGateway, path: string) =>
  Effect.map(gateway.request(path), ({ json, status }) => `${status} ${json.status ?? json.error.details.reason}`)
