import { Schema } from "effect"

/** What a provider does that no provider may do. */
export class ContractViolation extends Schema.TaggedError<ContractViolation>()("ContractViolation", {
  /** A sentence. */
  message: Schema.String
}) {}
