import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Ledger } from "../ledger/Ledger.ts"
import { UsageReports } from "../ledger/UsageReports.ts"
import type { Windows, WindowState } from "../limits/LimiterStore.ts"
import { Limits } from "../limits/Limits.ts"
import { Api } from "./Api.ts"
import { CurrentPrincipal } from "./Authorization.ts"
import type { OwnKeyBody } from "./OwnKeyApi.ts"
import { sumBody } from "./UsageBody.ts"

export const OwnKeyHandlers = HttpApiBuilder.group(
  Api,
  "ownKey",
  Effect.fn(function* (handlers) {
    const ledger = yield* Ledger
    const limiter = yield* Limits
    const reports = yield* UsageReports

    return handlers.handleAll({
      getOwnKey: Effect.fn(function* () {
        const principal = yield* CurrentPrincipal
        const { limits, windows } = yield* limiter.standing(principal)
        // Whoever asks right after a call finds it. A backlog takes its time, and is not waited for.
        yield* Effect.timeoutOption(ledger.flush, "1 second")
        const usage = yield* reports.total({ userId: principal.userId, keyId: principal.credentialId })
        const { expiresAt, kind, label, models, tier } = principal
        return {
          data: {
            label,
            kind,
            tier,
            models: models ?? null,
            expires_at: expiresAt === undefined ? null : Math.floor(expiresAt / 1000),
            usage: sumBody(usage),
            limits,
            remaining: remainingOf(windows)
          }
        }
      })
    })
  })
)

const remainingOf = (windows: Windows): (typeof OwnKeyBody)["Type"]["remaining"] => ({
  ...left("rpm", windows.requestsPerMinute),
  ...left("rpd", windows.requestsPerDay),
  ...left("tpm", windows.tokensPerMinute),
  ...left("tpd", windows.tokensPerDay)
})

const left = <Name extends string>(name: Name, window: WindowState | undefined) =>
  window === undefined
    ? {}
    : { [name]: { remaining: window.remaining, reset_seconds: Math.ceil(window.resetMillis / 1000) } }
