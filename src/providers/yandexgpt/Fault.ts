import type { ProviderFailure } from "../../domain/Errors.ts"
import { isJsonObject, type Json } from "../../domain/Json.ts"
import type { Teller } from "../BrokenAnswers.ts"
import type { Refusal } from "../Dialect.ts"
import { filled, readJson } from "../JsonText.ts"
import { refusalFailure } from "../Refusals.ts"

/** What one of the vendor's services says when it refuses. */
export interface Fault {
  /** The HTTP status that the error names or its gRPC code stands for; undefined where it names none. */
  readonly status: number | undefined
  readonly message: string
  /** In OpenAI's words, where the status alone does not tell it. */
  readonly code: string | undefined
}

/** google.rpc.Code over HTTP, as the vendor maps it. */
const httpOf = new Map([
  [3, 400],
  [4, 504],
  [5, 404],
  [7, 403],
  [8, 429],
  [12, 501],
  [13, 500],
  [14, 503],
  [16, 401]
])

/**
 * Reads an error in each shape that is about: `{error: {grpcCode, httpCode, message}}` of the REST services (in lines of a
 * stream too, and in snake case from older ones), google.rpc.Status `{code, message}` of IAM and operations, OpenAI's
 * `{error: {message, code}}`, `{error: "text"}`. Undefined where there is none.
 */
export const faultOf = (json: Json | undefined): Fault | undefined => {
  if (!isJsonObject(json)) return undefined
  const error = json["error"]
  if (typeof error === "string") return fault(undefined, error, undefined)
  if (isJsonObject(error)) {
    const http = error["httpCode"] ?? error["http_code"] ?? error["code"]
    const grpc = error["grpcCode"] ?? error["grpc_code"]
    return fault(statusOf(http) ?? statusOf(grpc), filled(error["message"]), error["code"])
  }
  return typeof json["code"] === "number" && json["message"] !== undefined
    ? fault(statusOf(json["code"]), filled(json["message"]), undefined)
    : undefined
}

/** A refusal's body: where it is none of these, or no JSON at all, it is itself what was said. */
export const faultOfBody = (body: string): Fault => faultOf(readJson(body)) ?? fault(undefined, body, undefined)

/** A fault in our words; `answered` is the status that it came with, a 200's counts by its own. `param` is what it is about. */
export const faultFailure = (
  teller: Teller,
  { status, message, code }: Fault,
  answered: { readonly status: number; readonly headers?: Refusal["headers"] | undefined },
  param?: string
): ProviderFailure =>
  refusalFailure({
    ...teller,
    status: answered.status >= 400 ? answered.status : (status ?? answered.status),
    headers: answered.headers,
    message,
    code,
    param: code === "model_not_found" ? "model" : param
  })

const statusOf = (code: Json | undefined): number | undefined =>
  typeof code !== "number" ? undefined : code >= 400 ? code : httpOf.get(code)

const fault = (status: number | undefined, message = "", code: Json | undefined): Fault => ({
  status,
  message,
  code: reasons.find(([pattern]) => pattern.test(message))?.[1] ?? filled(code)
})

/** What the vendor answers with 400, whatever it is about. */
const reasons: ReadonlyArray<readonly [RegExp, string]> = [
  // Our folder and our service account do not belong together: nothing that the caller could mend.
  [/folder id .*(?:does not match|mismatch)/i, "permission_denied"],
  [/tokens? must be no more than/i, "context_length_exceeded"],
  [
    /model\b.*\bnot (?:found|exist)|(?:unknown|no such) model|failed to (?:get|parse) model|invalid model/i,
    "model_not_found"
  ]
]
