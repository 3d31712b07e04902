/**
 * What the mock upstream answers, rendered once. A dialect is a path and two answers; XRouter turns each into the one
 * conversation that `traffic.ts` expects, whatever the upstream speaks.
 */
export interface Dialect {
  readonly path: string
  /** The answer to a request without `"stream":true`, head and body. */
  readonly json: Buffer
  readonly stream: Buffer
}

export const chunks = 64
/** The text of one delta of a stream. */
export const delta = (index: number): string => ` word${String(index).padStart(2, "0")}`
/** The text of an answer that comes in one piece. */
export const answer =
  "A gateway takes a request, finds out who sent it and whether they may, chooses who is to answer, passes the question " +
  "on in that one's language, and brings the answer back in the caller's."
export const usage = { prompt_tokens: 182, completion_tokens: 64, total_tokens: 246 }

const id = "chatcmpl-BenchBenchBenchBenchBenchBench"
const created = 1_764_000_000
const model = "bench-1"

const completion = {
  id,
  object: "chat.completion",
  created,
  model,
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: answer, refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: "stop"
    }
  ],
  usage: { ...usage, prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 } },
  service_tier: "default",
  system_fingerprint: "fp_bench"
}

const event = (choices: ReadonlyArray<unknown>, counted: typeof usage | null): string =>
  `data: ${JSON.stringify({
    id,
    object: "chat.completion.chunk",
    created,
    model,
    service_tier: "default",
    system_fingerprint: "fp_bench",
    choices,
    usage: counted,
    obfuscation: "0123456789abcdef"
  })}\n\n`

const piece = (content: object, finish_reason: "stop" | null) => [
  { index: 0, delta: content, logprobs: null, finish_reason }
]

const events = [
  ...Array.from({ length: chunks }, (_, index) =>
    event(piece({ ...(index === 0 ? { role: "assistant" } : {}), content: delta(index) }, null), null)
  ),
  event(piece({}, "stop"), null),
  event([], usage),
  "data: [DONE]\n\n"
]

const head = (type: string, framing: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\nx-request-id: req_bench\r\n${framing}\r\n\r\n`

const withLength = (text: string): Buffer =>
  Buffer.from(head("application/json", `content-length: ${Buffer.byteLength(text)}`) + text)

/** Each event is a chunk of its own, as it is when a model speaks. */
const chunked = (texts: ReadonlyArray<string>): Buffer =>
  Buffer.from(
    head("text/event-stream; charset=utf-8", "transfer-encoding: chunked") +
      texts.map((text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`).join("") +
      "0\r\n\r\n"
  )

export const dialects: ReadonlyArray<Dialect> = [
  { path: "/v1/chat/completions", json: withLength(JSON.stringify(completion)), stream: chunked(events) }
]

export const models: Buffer = withLength(
  JSON.stringify({ object: "list", data: [{ id: model, object: "model", created, owned_by: "bench" }] })
)
