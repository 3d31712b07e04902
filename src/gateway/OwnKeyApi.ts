import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { LimitSet } from "../domain/Principal.ts"
import { Authorization } from "./Authorization.ts"
import { SumBody } from "./UsageBody.ts"

const Left = Schema.Struct({
  /** Requests or tokens. */
  remaining: Schema.Int,
  /** Seconds until the window is as if unused. */
  reset_seconds: Schema.Int
})

export const OwnKeyBody = Schema.Struct({
  label: Schema.String,
  /** How the caller has shown who it is: an API key, or an OAuth token. */
  kind: Schema.Literals(["key", "token"]),
  tier: Schema.String,
  /** Where null all models may be used. */
  models: Schema.NullOr(Schema.Array(Schema.String)),
  /** Unix seconds. */
  expires_at: Schema.NullOr(Schema.Int),
  /** All calls that this credential has made. */
  usage: SumBody,
  /** Those that hold: of the tier, and its own over them. */
  limits: LimitSet,
  remaining: Schema.Struct({
    rpm: Schema.optionalKey(Left),
    rpd: Schema.optionalKey(Left),
    tpm: Schema.optionalKey(Left),
    tpd: Schema.optionalKey(Left)
  })
}).annotate({ identifier: "OwnKey" })

/** What a caller may know of the credential it calls with. */
export class OwnKeyApi extends HttpApiGroup.make("ownKey")
  .add(
    HttpApiEndpoint.get("getOwnKey", "/v1/auth/key", { success: Schema.Struct({ data: OwnKeyBody }) }).annotateMerge(
      OpenApi.annotations({
        summary: "Tell what this key or token may use, has used and has left",
        description: "Asking costs nothing of the limits. An OAuth token shares its limits with its user's other tokens"
      })
    )
  )
  .middleware(Authorization) {}
