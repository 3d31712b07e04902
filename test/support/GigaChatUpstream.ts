import { Clock, Effect, type Latch, Redacted, type Scope } from "effect"
import type { ServerOptions } from "node:https"
import { isJsonObject } from "../../src/domain/Json.ts"
import { type GigaChatFile, makeFiles } from "./GigaChatFiles.ts"
import { fault, violationsOf } from "./GigaChatRules.ts"
import * as V2 from "./GigaChatV2.ts"
import {
  close,
  end,
  frame,
  head,
  json,
  make as makeScripted,
  type Received,
  type Step,
  steps,
  wait
} from "./ScriptedUpstream.ts"

/** A server that takes and refuses what the real GigaChat does, its token endpoint included; v1, and chats in the form of v2. */
export interface GigaChatUpstream {
  readonly baseUrl: string
  /** Of v2. */
  readonly baseUrlV2: string
  readonly authUrl: string
  /** The authorization key that it knows, and the one scope that belongs to it. */
  readonly credentials: Redacted.Redacted
  readonly scope: string
  /** Everything that came, in order; `chats` and `tokens` are the calls of the two endpoints, refused ones included. */
  readonly requests: ReadonlyArray<Received>
  readonly chats: () => ReadonlyArray<Received>
  readonly chatsV2: () => ReadonlyArray<Received>
  readonly tokens: () => ReadonlyArray<Received>
  readonly embeddings: () => ReadonlyArray<Received>
  /** What was uploaded and is not deleted yet, by its id; `uploaded` are all of them, in order. */
  readonly files: ReadonlyMap<string, GigaChatFile>
  readonly uploaded: ReadonlyArray<GigaChatFile>
  /** The next request of any kind that nobody has taken yet. */
  readonly take: Effect.Effect<Received>
  /** What the real API lets pass and nobody should send: unknown fields, `function_call` without functions. */
  readonly violations: ReadonlyArray<string>
  /** What is answered from now on. */
  readonly answer: (answer: Partial<Answer>) => void
  /** Instead of the answer, for the next request of a chat or of vectors that is let in; called several times, for as many of the next. */
  readonly next: (step: Step) => void
  /** Instead of taking a file, and of deleting one, for the next request of it. */
  readonly nextUpload: (step: Step) => void
  readonly nextDelete: (step: Step) => void
  /** Instead of a token, for the next request of one. */
  readonly nextToken: (step: Step) => void
  /** From now on every access token that was given is refused with 401. */
  readonly expireTokens: () => void
}

export interface Answer {
  /** One chunk of a stream each; joined in a whole answer. */
  readonly pieces: ReadonlyArray<string>
  readonly reasoning: string | undefined
  /** A function that is called after the text, in one chunk of a stream; the answer ends with `function_call`. */
  readonly call: GigaChatCall | undefined
  readonly finishReason: string
  readonly usage: unknown
  /** The answer begins when it is opened. */
  readonly begin: Latch.Latch | undefined
  /** A stream goes on after its first chunk when it is opened. */
  readonly proceed: Latch.Latch | undefined
  /** After the last piece, in place of the finish: the stream ends in order, or its connection closes. */
  readonly cut: "end" | "close" | undefined
}

export interface GigaChatCall {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly stateId?: string
}

export interface GigaChatUpstreamOptions {
  readonly scope?: string | undefined
  /** Of an access token; 30 minutes unless given. */
  readonly lifeMillis?: number | undefined
  /** What a token request is told of a token's end, Unix milliseconds; `expires_at` in milliseconds unless given. */
  readonly tokenBody?: ((token: string, expiresAt: number) => unknown) | undefined
  /** Served over TLS; with `requestCert` by a client's certificate instead of tokens, as on the vendor's inner hosts. */
  readonly tls?: ServerOptions | undefined
  readonly models?: ReadonlyArray<{ readonly id: string; readonly type: string }> | undefined
}

const models = [
  { id: "GigaChat-2", type: "chat" },
  { id: "GigaChat-2-Pro", type: "chat" },
  { id: "GigaChat-2-Max", type: "chat" },
  { id: "Embeddings", type: "embedder" }
]

/** What it says unless it is told otherwise. */
export const everyday: Answer = {
  pieces: ["Раз, два", ", три."],
  reasoning: undefined,
  call: undefined,
  finishReason: "stop",
  usage: { prompt_tokens: 17, completion_tokens: 3, total_tokens: 20, precached_prompt_tokens: 2 },
  begin: undefined,
  proceed: undefined,
  cut: undefined
}

export const make = Effect.fnUntraced(function* (
  options: GigaChatUpstreamOptions = {}
): Effect.fn.Return<GigaChatUpstream, never, Scope.Scope> {
  const key = Buffer.from("5f1c0a52-client:0b9e7d44-secret").toString("base64")
  const scope = options.scope ?? "GIGACHAT_API_PERS"
  const catalogue = options.models ?? models
  const life = options.lifeMillis ?? 1_800_000
  const tokenBody = options.tokenBody ?? ((access_token: string, expires_at: number) => ({ access_token, expires_at }))
  const live = new Map<string, number>()
  const violations: Array<string> = []
  const planned: Array<Step> = []
  const plannedTokens: Array<Step> = []
  const files = makeFiles()
  let given = 0
  let current = everyday

  const token: Step = (exchange) => {
    const refusal = tokenFault(exchange.request, key, scope)
    if (refusal !== undefined) return json(refusal.status, refusal.body)(exchange)
    const plan = plannedTokens.shift()
    if (plan !== undefined) return plan(exchange)
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const access = `eyJhbGciOiJSU0EtT0FFUC0yNTYifQ.${++given}.scripted`
      live.set(access, now + life)
      return json(200, tokenBody(access, now + life))(exchange)
    })
  }

  const authorized =
    (step: Step): Step =>
    (exchange) => {
      if (options.tls?.requestCert === true) return step(exchange)
      return Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const header = exchange.request.headers.authorization ?? ""
        if (!header.startsWith("Bearer ")) return json(401, { status: 401, message: "Unauthorized" })(exchange)
        const endsAt = live.get(header.slice("Bearer ".length))
        return endsAt === undefined || endsAt <= now
          ? json(401, { status: 401, message: "Token has expired" })(exchange)
          : step(exchange)
      })
    }

  /** `body` is the request in v1's words. */
  const chat =
    (body: unknown, answer: (answer: Answer) => Step): Step =>
    (exchange) => {
      const refusal =
        fault(
          body,
          catalogue.map(({ id }) => id)
        ) ?? files.fault(body)
      if (refusal !== undefined) return json(refusal.status, refusal)(exchange)
      violations.push(...violationsOf(body))
      const step = planned.shift() ?? answer(current)
      return (current.begin === undefined ? step : steps(wait(current.begin), step))(exchange)
    }

  const chatV2: Step = (exchange) => {
    const body = V2.asV1(exchange.request.body)
    return typeof body === "string"
      ? json(400, { status: 400, message: body })(exchange)
      : chat(body, V2.answering)(exchange)
  }

  const embed: Step = (exchange) => (planned.shift() ?? embedded(exchange.request.body, catalogue))(exchange)

  const route = ({ body, method, path }: Received): Step => {
    switch (`${method} ${path}`) {
      case "POST /api/v2/oauth":
        return token
      case "POST /api/v1/chat/completions":
        return authorized(chat(body, answering))
      case "POST /api/v2/chat/completions":
        return authorized(chatV2)
      case "POST /api/v1/embeddings":
        return authorized(embed)
      case "GET /api/v1/models":
        return authorized(
          json(200, {
            object: "list",
            data: catalogue.map(({ id, type }) => ({ id, object: "model", owned_by: "salutedevices", type }))
          })
        )
      case "POST /api/v1/files":
        return authorized(files.upload)
      default: {
        const [, id] = /^\/api\/v1\/files\/([^/]+)\/delete$/.exec(path) ?? []
        return id !== undefined && method === "POST"
          ? authorized(files.remove(id))
          : json(404, { status: 404, message: "Not Found" })
      }
    }
  }
  const server = yield* makeScripted(route, { tls: options.tls })
  const received = (path: string) => () => server.requests.filter((request) => request.path === path)

  return {
    baseUrl: `${server.url}/api/v1`,
    baseUrlV2: `${server.url}/api/v2`,
    authUrl: `${server.url}/api/v2/oauth`,
    credentials: Redacted.make(key),
    scope,
    requests: server.requests,
    chats: received("/api/v1/chat/completions"),
    chatsV2: received("/api/v2/chat/completions"),
    tokens: received("/api/v2/oauth"),
    embeddings: received("/api/v1/embeddings"),
    files: files.live,
    uploaded: files.uploaded,
    nextUpload: files.nextUpload,
    nextDelete: files.nextDelete,
    take: server.take,
    violations,
    answer: (answer) => {
      current = { ...current, ...answer }
    },
    next: (step) => {
      planned.push(step)
    },
    nextToken: (step) => {
      plannedTokens.push(step)
    },
    expireTokens: () => live.clear()
  }
})

// Answers

/** Answers in this way, whole or in a stream, as it is asked. */
export const answering =
  (answer: Partial<Answer>): Step =>
  (exchange) => {
    const { body } = exchange.request
    const all = { ...everyday, ...answer }
    return (isJsonObject(body) && body["stream"] === true ? streamed(all) : whole(all))(exchange)
  }

const about = { created: 1_790_000_000, model: "GigaChat:2.0.28.2", object: "chat.completion" }

const called = (call: GigaChatCall | undefined) =>
  call === undefined
    ? {}
    : {
        function_call: { name: call.name, arguments: call.arguments },
        ...(call.stateId === undefined ? {} : { functions_state_id: call.stateId })
      }

const whole = ({ call, cut, finishReason, pieces, reasoning, usage }: Answer): Step => {
  const message = {
    content: pieces.join(""),
    role: "assistant",
    ...called(call),
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning })
  }
  const step = json(200, {
    choices: [{ message, index: 0, finish_reason: call === undefined ? finishReason : "function_call" }],
    ...about,
    usage
  })
  return cut === undefined ? step : close
}

const streamed = ({ call, cut, finishReason, pieces, proceed, reasoning, usage }: Answer): Step => {
  const chunk = (delta: Readonly<Record<string, unknown>>) => frame({ choices: [{ delta, index: 0 }], ...about })
  const said = [
    ...(reasoning === undefined ? [] : [{ content: "", reasoning_content: reasoning }]),
    ...pieces.map((content) => ({ content }))
  ].map((delta, index) => chunk(index === 0 ? { ...delta, role: "assistant" } : delta))
  const finish = frame({
    choices: [
      {
        delta: { content: "", ...called(call) },
        index: 0,
        finish_reason: call === undefined ? finishReason : "function_call"
      }
    ],
    ...about,
    usage
  })
  return steps(
    head(200, { "content-type": "text/event-stream; charset=utf-8" }),
    ...said.slice(0, 1),
    ...(proceed === undefined ? [] : [wait(proceed)]),
    ...said.slice(1),
    ...(cut === undefined ? [finish, frame("[DONE]"), end] : [cut === "end" ? end : close])
  )
}

// Vectors

/** A list of texts and nothing else; usage is told of each vector. */
const embedded = (body: unknown, catalogue: ReadonlyArray<{ readonly id: string; readonly type: string }>): Step => {
  const refuse = (status: number, message: string) => json(status, { status, message })
  const { input, model, ...rest } = isJsonObject(body) ? body : {}
  if (!catalogue.some(({ id, type }) => id === model && type === "embedder")) return refuse(404, "No such model")
  const texts: ReadonlyArray<unknown> = Array.isArray(input) ? input : []
  if (texts.length === 0 || texts.some((text) => typeof text !== "string")) {
    return refuse(422, "input must be an array of strings")
  }
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) return refuse(422, `${unknown} is no field of v1`)
  return json(200, {
    object: "list",
    data: texts.map((text, index) => ({
      object: "embedding",
      index,
      embedding: [String(text).length, 0.5],
      usage: { prompt_tokens: 3 }
    })),
    model
  })
}

// The token endpoint

const uuid4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

const tokenFault = (
  { headers, text }: Received,
  key: string,
  own: string
): { readonly status: number; readonly body: unknown } | undefined => {
  const refuse = (status: number, code: number | undefined, message: string) => ({ status, body: { code, message } })
  if (headers["content-type"] !== "application/x-www-form-urlencoded")
    return refuse(400, undefined, "Content-Type must be application/x-www-form-urlencoded")
  const rqUid = headers["rquid"]
  if (typeof rqUid !== "string" || !uuid4.test(rqUid)) return refuse(400, undefined, "RqUID header is not a UUIDv4")
  if (headers.authorization !== `Basic ${key}`) return refuse(401, 6, "credentials doesn't match db data")
  const scope = new URLSearchParams(text).get("scope") ?? ""
  if (scope === "") return refuse(400, 5, "scope is empty")
  if (!/^GIGACHAT_API_(?:PERS|B2B|CORP)$/.test(scope)) return refuse(400, 1, "scope data format invalid")
  return scope === own ? undefined : refuse(400, 7, "scope from db not fully includes consumed scope")
}
