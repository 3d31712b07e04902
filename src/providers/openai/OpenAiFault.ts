import type { ProviderFailure } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { invalidAnswer, type Teller } from "../BrokenAnswers.ts"
import type { Refusal } from "../Dialect.ts"
import { elements, filled, readJson } from "../JsonText.ts"
import { refusalFailure } from "../Refusals.ts"

interface Fault {
  readonly message: string
  readonly code?: string | undefined
  readonly param?: string | undefined
  readonly status?: number | undefined
}

/** FastAPI's list of `{loc, msg}`. */
const detailText = (detail: Json): string =>
  typeof detail === "string"
    ? detail
    : elements(detail)
        .map((item) => (isJsonObject(item) ? (filled(item["msg"]) ?? "") : ""))
        .filter((message) => message !== "")
        .join("; ")

const statusNumber = (...values: ReadonlyArray<Json | undefined>): number | undefined => {
  for (const value of values) {
    const number = typeof value === "string" ? Number(value) : value
    if (typeof number === "number" && Number.isInteger(number) && number >= 400 && number <= 599) return number
  }
  return undefined
}

const fromObject = (error: JsonObject): Fault => ({
  message: filled(error["message"]) ?? filled(error["msg"]) ?? "",
  code: [error["code"], error["type"]].map(filled).find((code) => code !== undefined && !/^\d+$/.test(code)),
  param: filled(error["param"]),
  status: statusNumber(error["code"], error["status"], error["http_code"])
})

/**
 * The error in a body: OpenAI's `{error: {message, type, code, param}}` and what goes for it elsewhere: a bare string, vLLM's
 * `{object: "error", …}`, FastAPI's `{detail}`, a list of one. Undefined where the JSON holds none.
 */
export const faultOf = (json: Json | undefined): Fault | undefined => {
  const body = Array.isArray(json) ? elements(json)[0] : json
  if (!isJsonObject(body)) return undefined
  const error = body["error"]
  if (isJsonObject(error)) return fromObject(error)
  if (typeof error === "string" && error !== "")
    return { ...fromObject(body), message: filled(body["message"]) ?? error }
  if (body["object"] === "error" || (body["choices"] === undefined && filled(body["message"]) !== undefined)) {
    return fromObject(body)
  }
  const detail = body["detail"]
  return detail === undefined || detail === null ? undefined : { message: detailText(detail) }
}

/** An error that comes inside a 200 names its status itself, or in OpenAI's words. */
const statusOfCode = (code: string | undefined): number | undefined => {
  if (code === undefined) return undefined
  if (/context_length|invalid_request|invalid_value|unsupported|bad_request/i.test(code)) return 400
  if (/api_key|authentication|unauthori[sz]ed|permission/i.test(code)) return 401
  if (/rate_limit|too_many_requests|throttl|quota/i.test(code)) return 429
  if (/not_found/i.test(code)) return 404
  if (/overload|unavailable|capacity/i.test(code)) return 503
  if (/timeout/i.test(code)) return 504
  return undefined
}

/** An error in place of an answer, or in the middle of one. */
export const faultFailure = (teller: Teller, fault: Fault): ProviderFailure =>
  refusalFailure({ ...teller, ...fault, status: fault.status ?? statusOfCode(fault.code) })

/** A status that is not 200, or a 200 of the wrong kind. */
export const refusedBy = (teller: Teller, { status, headers, body }: Refusal): ProviderFailure => {
  const json = readJson(body)
  const fault = faultOf(json)
  if (status === 200) {
    if (fault !== undefined) return faultFailure(teller, fault)
    return invalidAnswer(
      teller,
      `answered with ${json === undefined ? "something else" : "JSON"} in place of a stream`,
      body
    )
  }
  return refusalFailure({
    ...teller,
    status,
    headers,
    message: fault?.message ?? body,
    code: fault?.code,
    param: fault?.param
  })
}
