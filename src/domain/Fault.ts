import type { XRouterError } from "./Errors.ts"

/**
 * Whose doing a failed request is. `caller`: wrong in itself. `policy`: refused by a rule of the operator's, a limit or a permission.
 * `provider`: theirs. `us`: the gateway's or its stores'.
 */
export const faults = ["caller", "policy", "provider", "us"] as const
export type Fault = (typeof faults)[number]

export const faultOf = (error: XRouterError): Fault => {
  switch (error._tag) {
    case "AuthError":
      return forbidden.has(error.reason) ? "policy" : "caller"
    case "ValidationError":
      return "caller"
    case "RateLimitError":
      return error.reason === "provider_rate_limit" ? "provider" : "policy"
    case "ProviderError":
      return "provider"
    case "InternalError":
      return "us"
  }
}

/** The credential is good; what it may do does not reach so far. */
const forbidden: ReadonlySet<string> = new Set(["insufficient_scope", "model_not_allowed", "ip_not_allowed"])
