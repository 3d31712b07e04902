import { Duration, Effect } from "effect"
import type { Timeouts } from "../../src/config/Settings.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"

/** What an OpenAI-compatible upstream may do to us, and what a client is to see of it. */
export interface Fault {
  readonly name: string
  /** Where it lies when there is no upstream to be asked. */
  readonly at?: "nowhere" | "stranger" | "mute"
  readonly answer: (stream: boolean, call: number) => Scripted.Step
  readonly timeouts?: Partial<Timeouts>
  /** Calls where nobody else is left. */
  readonly calls: number
  /** The error; undefined where it is overcome. */
  readonly error: Expected | undefined
  /** Where a stream breaks after its first content: nobody takes over, and the error is its last frame. */
  readonly breaksStream?: { readonly reason: string; readonly timer?: string }
  /** Nobody else is asked: it is the caller's own fault, or the time for all is over. */
  readonly isFinal?: boolean
}

interface Expected {
  readonly status: number
  readonly reason: string
  readonly timer?: string
  readonly upstreamStatus?: number
  readonly retryAfter?: boolean
}

export const words = "Съешь ещё этих мягких булок 🥐"

export const completion = {
  id: "chatcmpl-upstream",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: words }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 }
}

export const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: "chatcmpl-upstream",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta, finish_reason }]
})

const chunks = [
  chunk({ role: "assistant", content: words.slice(0, 9) }),
  chunk({ content: words.slice(9) }),
  chunk({}, "stop"),
  { ...chunk({}), choices: [], usage: completion.usage },
  "[DONE]"
]

export const good = (stream: boolean): Scripted.Step =>
  stream ? Scripted.sse(...chunks) : Scripted.json(200, completion)

const json = JSON.stringify(completion)
const body = (stream: boolean): string =>
  stream ? chunks.map((data) => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`).join("") : json

const ok = (stream: boolean): Scripted.Step =>
  stream ? Scripted.sseHead : Scripted.head(200, { "content-type": "application/json" })

/** The answer begins, and then something happens to it. */
const begun = (stream: boolean): Scripted.Step =>
  Scripted.steps(ok(stream), stream ? Scripted.frame(chunks[0]) : Scripted.write(json.slice(0, 100)))

const bytewise = (text: string, pause: Effect.Effect<void> = Effect.void): Scripted.Step => {
  const bytes = Buffer.from(text)
  return (exchange) =>
    Effect.forEach(
      Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)),
      (byte) => Effect.andThen(Scripted.write(byte)(exchange), pause),
      { discard: true }
    )
}

const error = { message: "The model has caught fire", type: "server_error" }
const inBand = { error }
const soon = { firstToken: Duration.seconds(1) }
const unavailable = { status: 503, reason: "provider_unavailable", retryAfter: true }
const failed = (upstreamStatus: number) => ({ status: 502, reason: "provider_failed", upstreamStatus })
const invalid = { status: 502, reason: "provider_invalid_answer" }

export const faults: ReadonlyArray<Fault> = [
  { name: "connection refused", at: "nowhere", answer: () => Scripted.hang, calls: 2, error: unavailable },
  {
    name: "connection never",
    at: "mute",
    answer: () => Scripted.hang,
    timeouts: { connect: Duration.millis(100) },
    calls: 2,
    error: { status: 504, reason: "provider_timeout", timer: "connect" }
  },
  {
    name: "TLS failure",
    at: "stranger",
    answer: () => Scripted.hang,
    calls: 1,
    error: { status: 502, reason: "provider_tls" }
  },
  {
    name: "headers never",
    answer: () => Scripted.hang,
    timeouts: soon,
    calls: 1,
    error: { status: 504, reason: "provider_timeout", timer: "first_token" }
  },
  {
    name: "first token never",
    answer: (stream) => Scripted.steps(ok(stream), Scripted.hang),
    timeouts: soon,
    calls: 1,
    error: { status: 504, reason: "provider_timeout", timer: "first_token" }
  },
  {
    name: "stall after n",
    answer: (stream) => Scripted.steps(begun(stream), Scripted.hang),
    timeouts: { idle: Duration.millis(200) },
    calls: 1,
    error: { status: 504, reason: "provider_timeout", timer: "idle" },
    breaksStream: { reason: "provider_timeout", timer: "idle" }
  },
  { name: "RST before an answer", answer: () => Scripted.reset, calls: 2, error: unavailable },
  {
    name: "RST in the middle",
    answer: (stream) => Scripted.steps(begun(stream), Scripted.reset),
    calls: 2,
    error: { status: 502, reason: "provider_failed" },
    breaksStream: { reason: "provider_failed" }
  },
  { name: "FIN before an answer", answer: () => Scripted.close, calls: 2, error: unavailable },
  {
    name: "FIN in the middle",
    answer: (stream) => Scripted.steps(begun(stream), Scripted.close),
    calls: 2,
    error: { status: 502, reason: "provider_failed" },
    breaksStream: { reason: "provider_failed" }
  },
  {
    name: "garbage",
    answer: (stream) => Scripted.steps(ok(stream), Scripted.write("data: <<<>>> \u0000 nothing\n\n"), Scripted.end),
    calls: 1,
    error: invalid
  },
  {
    name: "an end without an answer",
    answer: (stream) => (stream ? Scripted.sse("[DONE]") : Scripted.steps(ok(false), Scripted.end)),
    calls: 1,
    error: invalid
  },
  {
    name: "in-band error",
    answer: (stream) => (stream ? Scripted.sse(inBand) : Scripted.json(200, inBand)),
    calls: 2,
    error: { status: 502, reason: "provider_failed" }
  },
  {
    name: "in-band error in the middle",
    answer: (stream) =>
      stream
        ? Scripted.steps(begun(true), Scripted.frame(inBand), Scripted.end)
        : Scripted.json(200, { ...completion, choices: [], error }),
    calls: 2,
    error: { status: 502, reason: "provider_failed" },
    breaksStream: { reason: "provider_failed" }
  },
  {
    name: "HTML 502",
    answer: () => Scripted.text(502, "<html><h1>Bad Gateway</h1></html>", { "content-type": "text/html" }),
    calls: 2,
    error: failed(502)
  },
  {
    name: "HTML 200",
    answer: () => Scripted.text(200, "<html>Sign in</html>", { "content-type": "text/html" }),
    calls: 1,
    error: invalid
  },
  {
    name: "a redirect",
    answer: () => Scripted.text(302, "", { location: "http://127.0.0.1:1/elsewhere" }),
    calls: 1,
    error: invalid
  },
  {
    name: "429 with Retry-After",
    answer: () => Scripted.json(429, { error: { message: "Slow down" } }, { "retry-after": "1" }),
    calls: 2,
    error: { status: 429, reason: "provider_rate_limit", retryAfter: true }
  },
  {
    name: "429 with a long Retry-After",
    answer: () => Scripted.json(429, { error: { message: "Slow down" } }, { "retry-after": "30" }),
    calls: 1,
    error: { status: 429, reason: "provider_rate_limit", retryAfter: true }
  },
  {
    name: "429 without Retry-After",
    answer: () => Scripted.json(429, { error: { message: "Slow down" } }),
    calls: 2,
    error: { status: 429, reason: "provider_rate_limit", retryAfter: true }
  },
  {
    name: "500 once",
    answer: (stream, call) => (call === 1 ? Scripted.json(500, inBand) : good(stream)),
    calls: 2,
    error: undefined
  },
  { name: "500 always", answer: () => Scripted.json(500, inBand), calls: 2, error: failed(500) },
  { name: "503", answer: () => Scripted.json(503, inBand), calls: 2, error: unavailable },
  {
    name: "400",
    answer: () => Scripted.json(400, { error: { message: "Not like this", type: "invalid_request_error" } }),
    calls: 1,
    error: { status: 400, reason: "provider_rejected_request" },
    isFinal: true
  },
  {
    name: "401",
    answer: () => Scripted.json(401, { error: { message: "Who are you?" } }),
    calls: 1,
    error: { status: 502, reason: "provider_rejected_credentials", upstreamStatus: 401 }
  },
  {
    name: "event of 50 MB",
    answer: (stream) =>
      Scripted.steps(
        ok(stream),
        Scripted.write('data: {"choices": ["'),
        ...Array.from({ length: 50 }, () => Scripted.write(megabyte))
      ),
    calls: 1,
    error: invalid
  },
  {
    name: "a drip that never ends",
    answer: (stream) =>
      Scripted.steps(begun(stream), bytewise(": nothing comes of this\n".repeat(800), Effect.sleep("20 millis"))),
    timeouts: { total: Duration.seconds(1) },
    calls: 1,
    error: { status: 504, reason: "provider_timeout", timer: "total" },
    isFinal: true,
    breaksStream: { reason: "provider_timeout", timer: "total" }
  },
  {
    name: "UTF-8 split at every byte",
    answer: (stream) => Scripted.steps(ok(stream), bytewise(body(stream)), Scripted.end),
    calls: 1,
    error: undefined
  }
]

const megabyte = "x".repeat(1024 * 1024)
