import { Context, Effect, Layer } from "effect"
import type { ModelAlias, ProviderSettings } from "../../src/config/Settings.ts"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import * as GigaChat from "../support/GigaChatUpstream.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { gigaChatSettings, openAiSettings, providers, yandexSettings } from "../support/Upstreams.ts"
import * as Yandex from "../support/YandexUpstream.ts"

/** What the vendors' edge cases are judged by: one gateway before both vendors, and before an upstream that says what it is told. */
export class Vendors extends Context.Service<
  Vendors,
  {
    readonly gateway: TestGateway
    readonly key: string
    readonly gigachat: GigaChat.GigaChatUpstream
    /** The provider `ultra`, whose chats are v2's. */
    readonly ultra: GigaChat.GigaChatUpstream
    readonly yandex: Yandex.YandexUpstream
    /** The provider `vendor`, which speaks OpenAI's form. */
    readonly vendor: Scripted.ScriptedUpstream
    /** How the provider `vendor` answers its next chats. */
    readonly vendorSays: (...steps: ReadonlyArray<Scripted.Step>) => void
  }
>()("Vendors") {
  static readonly layer = (
    more: Readonly<Record<string, ProviderSettings>> = {},
    models: Readonly<Record<string, ModelAlias>> = {}
  ) =>
    Layer.effect(
      Vendors,
      Effect.gen(function* () {
        const gigachat = yield* GigaChat.make()
        const ultra = yield* GigaChat.make({
          models: [
            { id: "GigaChat-3-Ultra", type: "chat" },
            { id: "Embeddings", type: "embedder" }
          ]
        })
        const yandex = yield* Yandex.make()
        const scripts: Array<Scripted.Step> = []
        const vendor = yield* Scripted.make(({ method }) =>
          method === "GET"
            ? Scripted.json(200, { object: "list", data: [{ id: "m" }] })
            : (scripts.shift() ?? Scripted.json(599, { error: { message: "The script has no answer" } }))
        )
        const gateway = yield* startGateway({
          providers: providers({
            gigachat: gigaChatSettings(gigachat),
            ultra: { ...gigaChatSettings(ultra), baseUrl: ultra.baseUrlV2 },
            yandexgpt: yandexSettings(yandex),
            vendor: openAiSettings(`${vendor.url}/v1`),
            ...more
          }),
          models: new Map(Object.entries(models))
        })
        return {
          gateway,
          key: yield* gateway.makeKey(),
          gigachat,
          ultra,
          yandex,
          vendor,
          vendorSays: (...steps) => void scripts.push(...steps)
        }
      })
    )
}

export const forms = [
  { as: "in one piece", stream: false },
  { as: "in a stream", stream: true }
] as const

export const gigaChatModel = "gigachat/GigaChat-2"
export const yandexModel = "yandexgpt/yandexgpt-lite"

export const user = { role: "user", content: "Погода в Туле?" } as const
/** As GigaChat and YandexGPT are told it. */
export const userText = { role: "user", text: user.content } as const

/** What GigaChat says from now on: everyday words, but for what is given. */
export const gigaChatSays = Effect.fnUntraced(function* (answer: Partial<GigaChat.Answer> = {}) {
  const { gigachat } = yield* Vendors
  gigachat.answer({ ...GigaChat.everyday, ...answer })
})

/** An answer as a client has it, whether it came in one piece or as a stream. */
export interface Heard {
  readonly status: number
  readonly headers: Headers
  /** Null where the answer has no text. */
  readonly content: string | null
  readonly calls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly arguments: string }>
  readonly finish: string | null
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Answer
  readonly usage: any
  /** The refusal, or a stream's last word. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Answer
  readonly error: any
  readonly text: string
  /** The events of a stream, parsed; the `[DONE]` at its end is `isDone`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Answer
  readonly chunks: ReadonlyArray<any>
  readonly isDone: boolean
}

/** Asks with one user's message unless others are given. */
export const ask = Effect.fnUntraced(function* (model: string, body: Readonly<Record<string, unknown>> = {}) {
  const { gateway, key } = yield* Vendors
  return heard(yield* gateway.chat(key, { model, messages: [user], ...body }))
})

const heard = (answer: Answer): Heard => {
  const { headers, status, text } = answer
  if (headers.get("content-type")?.startsWith("text/event-stream") !== true) {
    const choice = answer.json.choices?.[0]
    return {
      status,
      headers,
      content: choice?.message.content ?? null,
      calls: (choice?.message.tool_calls ?? []).map(flat),
      finish: choice?.finish_reason ?? null,
      usage: answer.json.usage,
      error: answer.json.error,
      text,
      chunks: [],
      isDone: false
    }
  }
  const events = text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length))
  const chunks = events.filter((event) => event !== "[DONE]").map((event) => JSON.parse(event))
  const choices = chunks.flatMap((chunk) => chunk.choices ?? [])
  const texts: ReadonlyArray<string> = choices.flatMap(({ delta }) => (delta.content ? [delta.content] : []))
  const calls: Array<{ id: string; name: string; arguments: string }> = []
  for (const { index, ...call } of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
    const begun = calls[index]
    if (begun === undefined) calls[index] = flat(call)
    else begun.arguments += call.function.arguments
  }
  return {
    status,
    headers,
    content: texts.length === 0 ? null : texts.join(""),
    calls,
    finish: choices.map((choice) => choice.finish_reason).findLast((reason) => reason !== null) ?? null,
    usage: chunks.map((chunk) => chunk.usage).findLast((usage) => usage),
    error: chunks.find((chunk) => chunk.error !== undefined)?.error,
    text,
    chunks,
    isDone: events.at(-1) === "[DONE]"
  }
}

// oxlint-disable-next-line typescript/no-explicit-any -- as in Answer
const flat = ({ id, function: { name, arguments: text } }: any) => ({ id, name, arguments: text })

/** The text of each delta that has some, as the client got them. */
export const deltas = ({ chunks }: Heard): ReadonlyArray<string> =>
  chunks.flatMap((chunk) => chunk.choices ?? []).flatMap(({ delta }) => (delta.content ? [delta.content] : []))

/** What GigaChat was sent last. */
export const gigaChatSent = Effect.map(Vendors, ({ gigachat }) => gigachat.chats().at(-1)?.body)

/** What YandexGPT was sent last. */
export const yandexSent = Effect.map(Vendors, ({ yandex }) => yandex.completions.at(-1)?.body)

/** Messages, as GigaChat was sent them last. */
// oxlint-disable-next-line typescript/no-explicit-any -- as in Answer
export const messagesIn = (body: any): unknown => body?.messages

/** A function that is offered. */
export const tool = (
  name: string,
  parameters: object = { type: "object", properties: { city: { type: "string" } } }
) => ({
  type: "function",
  function: { name, description: "Погода сейчас", parameters }
})

/** A turn of the assistant that calls. */
export const calling = (...calls: ReadonlyArray<readonly [id: string, name: string, text: string]>) => ({
  role: "assistant",
  content: null,
  tool_calls: calls.map(([id, name, text]) => ({ id, type: "function", function: { name, arguments: text } }))
})

export const result = (tool_call_id: string, content: string) => ({ role: "tool", tool_call_id, content })
