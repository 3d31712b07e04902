import { Effect } from "effect"
import type { Received } from "../support/ScriptedUpstream.ts"
import * as GigaChat from "../support/GigaChatUpstream.ts"
import * as Yandex from "../support/YandexUpstream.ts"
import { gigaChatModel, Vendors, yandexModel } from "./edgeCases.ts"

/** A vendor, told what to say in the same words whichever it is, for what clients' libraries make of both. */
export interface Speaker {
  readonly model: string
  readonly embeddingModel: string
  /** The next answer. */
  readonly says: (text: string) => void
  /** The next answer calls this function. */
  readonly calls: (name: string, args: Readonly<Record<string, unknown>>) => void
  readonly chats: () => ReadonlyArray<Received>
  /** A tool's text result, the last message of a chat. */
  readonly resultOf: (chat: Received | undefined) => unknown
  /** The schema that an answer is to keep to, in a chat. */
  readonly schemaOf: (chat: Received | undefined) => unknown
  readonly embeddings: () => ReadonlyArray<Received>
  /** In how many calls three texts are embedded. */
  readonly callsOfEmbeddings: number
}

/** What GigaChat wants back with a call of its own. */
export const stateId = "3f0c2a10-5b7e-4c55-9d1e-0a1b2c3d4e5f"

export const names = ["GigaChat", "GigaChat v2", "YandexGPT"] as const

export const speaker = Effect.fnUntraced(function* (name: (typeof names)[number]) {
  const { gigachat, ultra, yandex } = yield* Vendors
  switch (name) {
    case "GigaChat":
      return gigaChat(gigachat)
    case "GigaChat v2":
      return gigaChatV2(ultra)
    case "YandexGPT":
      return yandexGpt(yandex)
  }
})

// oxlint-disable-next-line typescript/no-explicit-any -- a test looks into it as deep as it likes
const bodyOf = (chat: Received | undefined): any => chat?.body

const gigaChat = (upstream: GigaChat.GigaChatUpstream): Speaker => ({
  model: gigaChatModel,
  embeddingModel: "gigachat/Embeddings",
  says: (text) => upstream.answer({ ...GigaChat.everyday, pieces: text.match(/.{1,5}/gsu) ?? [] }),
  calls: (name, args) =>
    upstream.answer({
      ...GigaChat.everyday,
      pieces: [],
      // By the name that it was told.
      call: { name: name.replace("/", "_"), arguments: args, stateId }
    }),
  chats: upstream.chats,
  resultOf: (chat) => JSON.parse(bodyOf(chat).messages.at(-1).content).result,
  schemaOf: (chat) => bodyOf(chat).response_format?.schema,
  embeddings: upstream.embeddings,
  callsOfEmbeddings: 1
})

const gigaChatV2 = (upstream: GigaChat.GigaChatUpstream): Speaker => ({
  ...gigaChat(upstream),
  model: "ultra/GigaChat-3-Ultra",
  embeddingModel: "ultra/Embeddings",
  chats: upstream.chatsV2,
  resultOf: (chat) => bodyOf(chat).messages.at(-1).content[0].function_result.result.result,
  schemaOf: (chat) => bodyOf(chat).model_options?.response_format?.schema
})

const yandexGpt = (upstream: Yandex.YandexUpstream): Speaker => ({
  model: yandexModel,
  embeddingModel: "yandexgpt/text-search-doc",
  says: (text) => upstream.next(Yandex.says(text)),
  calls: (name, args) => upstream.next(Yandex.callsFunctions([{ name, arguments: args }])),
  chats: () => upstream.completions,
  resultOf: (chat) => bodyOf(chat).messages.at(-1).toolResultList.toolResults[0].functionResult.content,
  schemaOf: (chat) => bodyOf(chat).jsonSchema?.schema,
  embeddings: () => upstream.embeddings,
  callsOfEmbeddings: 3
})
