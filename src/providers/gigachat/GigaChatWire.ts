import { Result, Schema } from "effect"
import { isJsonObject, type JsonObject } from "../../domain/Json.ts"

/**
 * What GigaChat's API says on the wire, v1 (developers.sber.ru/docs/ru/gigachat/api/reference). Everything that an answer
 * may leave out is optional here: gateways in front of the API and older versions leave out a lot.
 */

const Nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/**
 * A message as v1 takes it: `content` is always text (of role `function`: JSON text), a system message stands first or
 * nowhere, and an assistant's message holds one call at most.
 */
export type GigaChatMessage = {
  readonly role: "system" | "user" | "assistant" | "function"
  readonly content: string
  /** Of role `user`: the ids of its files, of which one may be an image. */
  readonly attachments?: ReadonlyArray<string>
  /** Of role `function`: whose result it is. */
  readonly name?: string
  readonly function_call?: { readonly name: string; readonly arguments: JsonObject }
  /** As it came with the call. */
  readonly functions_state_id?: string
}

/** Cached tokens are counted apart: neither `prompt_tokens` nor `total_tokens` has them in it. */
export const GigaChatUsage = Schema.Struct({
  prompt_tokens: Schema.optionalKey(Schema.Unknown),
  completion_tokens: Schema.optionalKey(Schema.Unknown),
  precached_prompt_tokens: Schema.optionalKey(Schema.Unknown)
})
export type GigaChatUsage = typeof GigaChatUsage.Type

/** A whole message, or a piece of one. `role` is `function_in_progress` where a built-in function tells how far it is. */
export const GigaChatSaid = Schema.Struct({
  role: Nullable(Schema.String),
  content: Nullable(Schema.String),
  reasoning_content: Nullable(Schema.String),
  /** `arguments` are an object. */
  function_call: Nullable(Schema.Struct({ name: Schema.String, arguments: Schema.optionalKey(Schema.Unknown) })),
  functions_state_id: Nullable(Schema.String)
})
export type GigaChatSaid = typeof GigaChatSaid.Type

const Choice = Schema.Struct({
  message: Nullable(GigaChatSaid),
  delta: Nullable(GigaChatSaid),
  finish_reason: Nullable(Schema.String)
})

/**
 * The body of a 200, or one frame of its stream. A refusal may stand in its place: `{status, message}` of the API,
 * `{code, message}` of the token endpoint, `{error}` of a gateway between.
 */
export const GigaChatAnswer = Schema.Struct({
  model: Nullable(Schema.String),
  choices: Nullable(Schema.Array(Choice)),
  usage: Nullable(GigaChatUsage),
  status: Schema.optionalKey(Schema.Unknown),
  code: Schema.optionalKey(Schema.Unknown),
  message: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown)
})
export type GigaChatAnswer = typeof GigaChatAnswer.Type

export const decodeAnswer = Schema.decodeUnknownResult(Schema.fromJsonString(GigaChatAnswer))

/** A refusal's words, where an answer holds a refusal. `status` is an HTTP status, if any is named. */
export const wordsOf = ({
  choices,
  code,
  error,
  message,
  status
}: GigaChatAnswer): { readonly status: number | undefined; readonly message: string } | undefined => {
  if (isJsonObject(error))
    return { status: httpStatus(error["status"] ?? error["code"]), message: textOf(error["message"]) }
  if (error !== undefined && error !== null) return { status: httpStatus(status ?? code), message: textOf(error) }
  if (choices !== undefined && choices !== null) return undefined
  return typeof message === "string" ? { status: httpStatus(status ?? code), message } : undefined
}

/** The words of a refusal's body, whatever it is. */
export const wordsIn = (body: string): string =>
  Result.match(decodeAnswer(body), { onFailure: () => undefined, onSuccess: wordsOf })?.message ?? body

const httpStatus = (value: unknown): number | undefined =>
  typeof value === "number" && value >= 400 && value <= 599 ? value : undefined

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** `expires_at` is in milliseconds; `tok` and `exp` (seconds) are the other endpoint's spelling of the same. */
export const GigaChatTokenAnswer = Schema.Union([
  Schema.Struct({ access_token: Schema.NonEmptyString, expires_at: Schema.Finite }),
  Schema.Struct({ tok: Schema.NonEmptyString, exp: Schema.Finite })
])

export const decodeToken = Schema.decodeUnknownResult(Schema.fromJsonString(GigaChatTokenAnswer))

/** The token endpoint's own numbers: 1 and 5 a malformed or empty scope, 6 an unknown key, 7 another key's scope. */
export const decodeTokenRefusal = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ code: Schema.Int, message: Schema.optionalKey(Schema.String) }))
)

/** Of `POST /files`. */
export const decodeFile = Schema.decodeUnknownResult(
  Schema.fromJsonString(Schema.Struct({ id: Schema.NonEmptyString }))
)

export const GigaChatModels = Schema.Struct({
  data: Schema.Array(
    Schema.Struct({
      id: Schema.NonEmptyString,
      owned_by: Nullable(Schema.String),
      created: Nullable(Schema.Finite),
      /** `chat`, `embedder`, `filter`, `aicheck`; older versions tell none. */
      type: Nullable(Schema.String)
    })
  )
})

export const decodeModels = Schema.decodeUnknownResult(Schema.fromJsonString(GigaChatModels))
