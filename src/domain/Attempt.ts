import { Schema } from "effect"

/** One try at one provider, as the caller and the ledger are told of it. */
export const Attempt = Schema.Struct({
  provider: Schema.String,
  /** The provider's own name of the model. */
  model: Schema.String,
  status: Schema.Literals(["completed", "failed", "cancelled"]),
  /** Why it failed; null where it did not. */
  reason: Schema.NullOr(Schema.String),
  latency_ms: Schema.Int
})
export type Attempt = typeof Attempt.Type
