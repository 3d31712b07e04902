/** What a client sends and what it must get back: a fast answer that is wrong counts as an error. */
import { answer, deltas, type Pace, paceWords, stampsIn, usage } from "./conversation.ts"
import type { HttpAnswer } from "./http-answer.ts"

/** What is asked for: an answer in one piece, a stream that the upstream sends at once, or one that it speaks. */
export type Ask =
  | { readonly kind: "json" }
  | { readonly kind: "stream" }
  | { readonly kind: "paced"; readonly pace: Pace }

/** Where and as whom. */
export interface Address {
  readonly port: number
  readonly model: string
  readonly headers: Readonly<Record<string, string>>
}

const question =
  "What does a gateway do with a request, from its first byte to its last? Answer for a reader in a hurry. "

/** A chat of about 1 KB. */
export const requestBody = (ask: Ask, model: string): string =>
  JSON.stringify({
    model,
    messages: [
      {
        role: "system",
        content: `You are a careful assistant. You answer in two sentences, and in plain words.${
          ask.kind === "paced" ? ` ${paceWords(ask.pace)}` : ""
        }`
      },
      { role: "user", content: question.repeat(6) }
    ],
    temperature: 0.3,
    max_tokens: 256,
    ...(ask.kind === "json" ? {} : { stream: true, stream_options: { include_usage: true } })
  })

/** The whole request, to be written to a socket as it is. */
export const rawRequest = (ask: Ask, { headers, model, port }: Address): Buffer => {
  const body = requestBody(ask, model)
  const head = [
    "POST /v1/chat/completions HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`
  ]
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`)
}

/** The fault of an answer; undefined where it is whole and right. */
export const faultOf = (ask: Ask, { status, body }: HttpAnswer): string | undefined => {
  if (status !== 200) return `status ${status}: ${body.toString("utf8", 0, 300)}`
  return ask.kind === "json" ? faultOfCompletion(body.toString()) : faultOfStream(ask, body.toString())
}

interface Wire {
  readonly choices?: ReadonlyArray<{
    readonly message?: { readonly content?: string }
    readonly delta?: { readonly content?: string }
    readonly finish_reason?: string | null
  }>
  readonly usage?: Partial<typeof usage> | null
}

const faultOfCompletion = (text: string): string | undefined => {
  const { choices, usage: counted } = JSON.parse(text) as Wire
  if (choices?.[0]?.message?.content !== answer) return "the answer's text is not the upstream's"
  if (choices[0].finish_reason !== "stop") return "the answer has no finish reason"
  return faultOfUsage(counted)
}

const faultOfStream = (ask: Ask, text: string): string | undefined => {
  const frames = text.split("\n\n").filter((frame) => frame.startsWith("data: "))
  if (frames.pop() !== "data: [DONE]") return "the stream does not end with [DONE]"
  const events = frames.map((frame) => JSON.parse(frame.slice("data: ".length)) as Wire)
  const said = events.map((event) => event.choices?.[0]?.delta?.content ?? "").join("")
  if (ask.kind === "paced" ? !isPaced(said, ask.pace) : said !== deltas.join("")) {
    return "the stream's text is not the upstream's"
  }
  if (!events.some((event) => event.choices?.[0]?.finish_reason === "stop")) return "the stream has no finish reason"
  return faultOfUsage(events.findLast((event) => event.usage !== undefined && event.usage !== null)?.usage)
}

/** So many pieces and nothing between them, in the order in which they were said. */
const isPaced = (said: string, { pieces }: Pace): boolean => {
  const stamps = stampsIn(said)
  return (
    stamps.length === pieces &&
    said === stamps.map((at) => ` @${at};`).join("") &&
    stamps.every((at, index) => at >= (stamps[index - 1] ?? 0))
  )
}

const faultOfUsage = (counted: Wire["usage"]): string | undefined =>
  counted?.prompt_tokens === usage.prompt_tokens && counted.completion_tokens === usage.completion_tokens
    ? undefined
    : "the usage is not the upstream's"
