/** What a client sends and what it must get back: a fast answer that is wrong counts as an error. */
import { answer, chunks, delta, usage } from "./dialects.ts"
import type { HttpAnswer } from "./http-answer.ts"

export type Kind = "json" | "stream"

const question =
  "What does a gateway do with a request, from its first byte to its last? Answer for a reader in a hurry. "

/** A chat of about 1 KB. */
export const requestBody = (kind: Kind): string =>
  JSON.stringify({
    model: "openai/bench-1",
    messages: [
      { role: "system", content: "You are a careful assistant. You answer in two sentences, and in plain words." },
      { role: "user", content: question.repeat(6) }
    ],
    temperature: 0.3,
    max_tokens: 256,
    ...(kind === "stream" ? { stream: true, stream_options: { include_usage: true } } : {})
  })

/** The whole request, to be written to a socket as it is. */
export const rawRequest = (kind: Kind, port: number, apiKey: string): Buffer => {
  const body = requestBody(kind)
  const head = [
    "POST /v1/chat/completions HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${apiKey}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`
  ]
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`)
}

/** The fault of an answer; undefined where it is whole and right. */
export const faultOf = (kind: Kind, { status, body }: HttpAnswer): string | undefined => {
  if (status !== 200) return `status ${status}: ${body.toString("utf8", 0, 300)}`
  return kind === "json" ? faultOfCompletion(body.toString()) : faultOfStream(body.toString())
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

const wholeText = Array.from({ length: chunks }, (_, index) => delta(index)).join("")

const faultOfStream = (text: string): string | undefined => {
  const frames = text.split("\n\n").filter((frame) => frame.startsWith("data: "))
  if (frames.pop() !== "data: [DONE]") return "the stream does not end with [DONE]"
  const events = frames.map((frame) => JSON.parse(frame.slice("data: ".length)) as Wire)
  if (events.map((event) => event.choices?.[0]?.delta?.content ?? "").join("") !== wholeText) {
    return "the stream's text is not the upstream's"
  }
  if (!events.some((event) => event.choices?.[0]?.finish_reason === "stop")) return "the stream has no finish reason"
  return faultOfUsage(events.at(-1)?.usage)
}

const faultOfUsage = (counted: Wire["usage"]): string | undefined =>
  counted?.prompt_tokens === usage.prompt_tokens && counted.completion_tokens === usage.completion_tokens
    ? undefined
    : "the usage is not the upstream's"
