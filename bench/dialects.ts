/**
 * What the mock upstream answers: a dialect tells the conversation in a vendor's words, and is rendered once. XRouter turns each
 * into the one answer that `traffic.ts` expects, whatever the upstream speaks.
 */
import { deltas } from "./conversation.ts"
import { gigaChat } from "./dialects/gigachat.ts"
import { openAi } from "./dialects/openai.ts"
import { yandexGpt } from "./dialects/yandexgpt.ts"

export interface Dialect {
  readonly path: string
  /** The body of an answer that comes in one piece. */
  readonly whole: string
  readonly streamType: string
  /** One piece of a stream as it goes over the wire; `soFar` is the whole text until then, the piece's own included. */
  readonly piece: (index: number, text: string, soFar: string) => string
  /** What follows the last piece. */
  readonly end: (whole: string) => ReadonlyArray<string>
}

/** A dialect's answers, head and body. */
export interface Rendered extends Pick<Dialect, "path" | "piece" | "end"> {
  readonly json: Buffer
  /** The stream that comes at once: each piece is an HTTP chunk of its own, as it is when a model speaks. */
  readonly stream: Buffer
  readonly streamHead: string
}

const head = (type: string, framing: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\nx-request-id: req_bench\r\n${framing}\r\n\r\n`

const withLength = (text: string): Buffer =>
  Buffer.from(head("application/json", `content-length: ${Buffer.byteLength(text)}`) + text)

export const httpChunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
export const lastChunk = "0\r\n\r\n"

/** All that a stream at once consists of. */
export const wirePieces = ({ end, piece }: Pick<Dialect, "piece" | "end">): ReadonlyArray<string> => {
  let soFar = ""
  const told = deltas.map((text, index) => piece(index, text, (soFar += text)))
  return [...told, ...end(soFar)]
}

const rendered = ({ end, path, piece, streamType, whole }: Dialect): Rendered => {
  const streamHead = head(streamType, "transfer-encoding: chunked")
  return {
    path,
    piece,
    end,
    json: withLength(whole),
    stream: Buffer.from(streamHead + wirePieces({ end, piece }).map(httpChunk).join("") + lastChunk),
    streamHead
  }
}

export const dialects: ReadonlyArray<Rendered> = [openAi, gigaChat, yandexGpt].map(rendered)

/** Of any vendor that lists its models. */
export const models: Buffer = withLength(
  JSON.stringify({
    object: "list",
    data: ["bench-1", "GigaChat-2-Max"].map((id) => ({
      id,
      object: "model",
      created: 1_764_000_000,
      owned_by: "bench"
    }))
  })
)

/** Where GigaChat's tokens are had. */
export const tokenPath = "/gigachat/oauth"

export const token = (): Buffer =>
  withLength(JSON.stringify({ access_token: "bench", expires_at: Date.now() + 30 * 60_000 }))
