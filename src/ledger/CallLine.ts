import type { Attempt } from "../domain/Attempt.ts"
import type { CallRecord } from "./CallRecord.ts"
import type { ChargedPrice } from "./Pricing.ts"

/**
 * A line of the journal is a call as it stood, in JSON whose keys are the columns of `usage`: the database reads it as it is. Its
 * first two fields are the request id and the status, so that they are known without reading the rest, and its last is the version of
 * this form: a line that was cut short does not end so, since a quote within a text is escaped.
 */

const ending = `,"v":1}`
const beginning = /^\{"request_id":"([\w-]+)","status":"([a-z]+)",/

export interface Stated {
  readonly requestId: string
  readonly isPending: boolean
}

/** What a line tells of; undefined of one that was cut short, or is none. */
export const readLine = (line: string): Stated | undefined => {
  if (!line.endsWith(ending)) return undefined
  const [, requestId, status] = beginning.exec(line) ?? []
  return requestId === undefined ? undefined : { requestId, isPending: status === "pending" }
}

/** Whether it is of a call with this id, or this request id. A quote within a text is escaped. */
export const isWithId = (line: string, id: string): boolean =>
  line.includes(`"id":"${id}"`) || line.includes(`"request_id":"${id}"`)

const lineOf = (requestId: string, status: string, rest: string) =>
  `{"request_id":"${requestId}","status":"${status}",${rest}${ending}`

/** The fields that do not change while a call runs. */
export const openingOf = (call: Pick<CallRecord, "id" | "createdAt" | "userId" | "keyId" | "model" | "streamed">) =>
  inner({
    id: call.id,
    created_ms: call.createdAt,
    user_id: call.userId,
    key_id: call.keyId,
    model: call.model,
    streamed: call.streamed
  })

export const pendingLine = (
  requestId: string,
  opening: string,
  { provider, providerModel }: Pick<CallRecord, "provider" | "providerModel">
): string => lineOf(requestId, "pending", `${opening},${inner({ provider, provider_model: providerModel })}`)

/** Of a call whose process died, from the line that said it runs. */
export const interruptedLine = (pending: string): string =>
  pending.replace(`"status":"pending"`, `"status":"interrupted"`)

export const settledLine = (
  requestId: string,
  opening: string,
  call: Omit<CallRecord, "requestId" | keyof Parameters<typeof openingOf>[0]>,
  price: ChargedPrice | undefined
): string =>
  lineOf(
    requestId,
    call.status,
    `${opening},${inner({
      provider: call.provider,
      provider_model: call.providerModel,
      finish_reason: call.finishReason,
      tokens_prompt: call.tokens?.prompt,
      tokens_completion: call.tokens?.completion,
      tokens_cached: call.tokens?.cached,
      tokens_reasoning: call.tokens?.reasoning,
      estimated: call.estimated,
      ...(call.cost === null
        ? {}
        : { cost_micros: call.cost.micros.toString(), currency: call.cost.currency, price_id: price?.id, price }),
      latency_ms: call.latencyMillis,
      time_to_first_token_ms: call.firstTokenMillis,
      attempts: call.attempts.map(plainAttempt)
    })}`
  )

const inner = (fields: object): string => JSON.stringify(fields).slice(1, -1)

const plainAttempt = (attempt: Attempt): Attempt => ({
  ...attempt,
  provider: plainText(attempt.provider),
  model: plainText(attempt.model)
})

const longest = 256

/** Names as callers typed them, cut to a length, and without what PostgreSQL cannot store: NUL, halves of a surrogate pair. */
export const plainText = (text: string): string =>
  text.length <= longest && text.isWellFormed() && !text.includes("\0")
    ? text
    : text.slice(0, longest).toWellFormed().replaceAll("\0", "\uFFFD")
