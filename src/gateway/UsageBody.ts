import { Schema } from "effect"
import { Attempt } from "../domain/Attempt.ts"
import { type CallRecord, callStatuses, type Cost } from "../ledger/CallRecord.ts"
import { formatMicros } from "../ledger/Money.ts"
import type { Grouping, UsageGroup, UsageSum } from "../ledger/UsageReports.ts"
import { Timestamp } from "./AdminApi.ts"

const Tokens = Schema.NullOr(Schema.Int)
const Millis = Schema.NullOr(Schema.Int)

/** One call as the ledger tells it, the same wherever it is told. */
export const CallBody = Schema.Struct({
  id: Schema.String,
  request_id: Schema.String,
  created_at: Timestamp,
  user_id: Schema.String,
  key_id: Schema.String,
  model: Schema.String,
  provider: Schema.String,
  provider_model: Schema.String,
  streamed: Schema.Boolean,
  status: Schema.Literals(callStatuses),
  finish_reason: Schema.NullOr(Schema.String),
  tokens_prompt: Tokens,
  tokens_completion: Tokens,
  tokens_cached: Tokens,
  tokens_reasoning: Tokens,
  estimated: Schema.Boolean,
  cost: Schema.NullOr(Schema.String),
  currency: Schema.NullOr(Schema.String),
  latency_ms: Millis,
  time_to_first_token_ms: Millis,
  attempts: Schema.Array(Attempt)
}).annotate({
  identifier: "Call",
  description:
    "`id` is the answer's own, `request_id` the header's. Tokens are null while a call is `pending` and where it was `interrupted`; `cost` is a decimal number, null where the price is not known."
})

export type CallBody = typeof CallBody.Type

export const callBody = (call: CallRecord): CallBody => ({
  id: call.id,
  request_id: call.requestId,
  created_at: call.createdAt,
  user_id: call.userId,
  key_id: call.keyId,
  model: call.model,
  provider: call.provider,
  provider_model: call.providerModel,
  streamed: call.streamed,
  status: call.status,
  finish_reason: call.finishReason,
  tokens_prompt: call.tokens?.prompt ?? null,
  tokens_completion: call.tokens?.completion ?? null,
  tokens_cached: call.tokens?.cached ?? null,
  tokens_reasoning: call.tokens?.reasoning ?? null,
  estimated: call.estimated,
  ...costBody(call.cost),
  latency_ms: call.latencyMillis,
  time_to_first_token_ms: call.firstTokenMillis,
  attempts: call.attempts
})

const costBody = (cost: Cost | null) => ({
  cost: cost === null ? null : formatMicros(cost.micros),
  currency: cost?.currency ?? null
})

const sumFields = {
  requests: Schema.Int,
  tokens_prompt: Schema.Int,
  tokens_completion: Schema.Int,
  tokens_cached: Schema.Int,
  tokens_reasoning: Schema.Int,
  cost: Schema.NullOr(Schema.String),
  currency: Schema.NullOr(Schema.String),
  costs: Schema.Record(Schema.String, Schema.String),
  unpriced: Schema.Int
}

export const SumBody = Schema.Struct(sumFields).annotate({
  identifier: "UsageSum",
  description:
    "`costs` has a sum for each currency. `cost` and `currency` are that sum where there is one, null where there is none or several. `unpriced` counts the ended calls whose cost is not known and so in no sum."
})

export const sumBody = ({ costs, requests, tokens, unpriced }: UsageSum): typeof SumBody.Type => ({
  requests,
  tokens_prompt: tokens.prompt,
  tokens_completion: tokens.completion,
  tokens_cached: tokens.cached,
  tokens_reasoning: tokens.reasoning,
  ...costBody(costs.length === 1 ? (costs[0] ?? null) : null),
  costs: Object.fromEntries(costs.map(({ currency, micros }) => [currency, formatMicros(micros)])),
  unpriced
})

/** A group is named as the field that its calls have in common. */
const groupFields = {
  day: "day",
  user: "user_id",
  key: "key_id",
  model: "model",
  provider: "provider"
} as const satisfies Record<Grouping, string>

export const GroupBody = Schema.Struct({
  day: Schema.optionalKey(Schema.String.annotate({ format: "date" })),
  user_id: Schema.optionalKey(Schema.String),
  key_id: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  provider: Schema.optionalKey(Schema.String),
  ...sumFields
}).annotate({
  identifier: "UsageGroup",
  description: "The sum of the calls that have one thing in common: the one that `group_by` named. Days are UTC."
})

export const groupColumns = (by: Grouping): ReadonlyArray<string> => [groupFields[by], ...Object.keys(sumFields)]

export const groupBody =
  (by: Grouping) =>
  (group: UsageGroup): typeof GroupBody.Type => ({ [groupFields[by]]: group.key, ...sumBody(group) })
