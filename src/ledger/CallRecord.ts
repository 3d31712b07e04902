import type { Attempt } from "../domain/Attempt.ts"

export const callStatuses = ["pending", "completed", "cancelled", "failed", "interrupted"] as const

/**
 * `pending`: it runs. `cancelled`: the client left. `interrupted`: the process died in the middle of it. A call that is not
 * `pending` stays what it is.
 */
export type CallStatus = (typeof callStatuses)[number]

/** One call as the ledger tells it. Null is what does not apply, or what nobody knows. */
export interface CallRecord {
  readonly requestId: string
  /** The answer's own id. */
  readonly id: string
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly userId: string
  readonly keyId: string
  /** As the caller asked for it. */
  readonly model: string
  /** Who served, or was tried last. */
  readonly provider: string
  readonly providerModel: string
  readonly streamed: boolean
  readonly status: CallStatus
  readonly finishReason: string | null
  /** Null while it runs, and of a call that was interrupted. */
  readonly tokens: CallTokens | null
  /** True where the provider did not count and we did. */
  readonly estimated: boolean
  readonly cost: Cost | null
  readonly latencyMillis: number | null
  readonly firstTokenMillis: number | null
  readonly attempts: ReadonlyArray<Attempt>
}

export interface CallTokens {
  /** With the cached ones. */
  readonly prompt: number
  /** With those of reasoning. */
  readonly completion: number
  readonly cached: number
  readonly reasoning: number
}

export interface Cost {
  /** Millionths of the currency. */
  readonly micros: bigint
  readonly currency: string
}
