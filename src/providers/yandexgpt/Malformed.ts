import { Result } from "effect"
import { ValidationError } from "../../domain/Errors.ts"
import type { Carrier } from "../Parameters.ts"

/** What no provider could carry: a field that says nothing, or contradicts another. `param` is its path. */
export const malformed = ({ provider }: Carrier, param: string, message: string) =>
  Result.fail(new ValidationError({ reason: "invalid_body", message, param, provider }))
