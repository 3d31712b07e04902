import { assert } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import type OpenAI from "openai"
import { vendorNames, type VendorName } from "../../../src/config/Vendors.ts"
import type { OpenAiSettings } from "../../../src/config/Settings.ts"
import type { JsonObject } from "../../../src/domain/Json.ts"
import { startGateway } from "../../support/Gateway.ts"
import { alias } from "../../support/ScriptedProvider.ts"
import { openAiSettings, providers } from "../../support/Upstreams.ts"
import * as Vendor from "../../support/VendorUpstream.ts"

/** Of a request, beside its messages: also what the SDK has no types for. */
export interface Body {
  readonly model: string
  readonly [more: string]: unknown
}

export interface Heard {
  readonly text: string
  readonly thoughts: string
  readonly calls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly arguments: string }>
  readonly finish: string | null | undefined
  readonly usage: OpenAI.CompletionUsage | undefined
  readonly dropped: string | null
}

const listed: Partial<Record<VendorName, ReadonlyArray<unknown>>> = {
  yandex: [
    { id: `gpt://${Vendor.folder}/gemma-3-27b-it/latest`, owned_by: "yandex" },
    { id: `emb://${Vendor.folder}/text-search-doc/latest`, owned_by: "yandex" }
  ]
}

const more: Partial<Record<VendorName, Partial<OpenAiSettings>>> = {
  openrouter: {
    headers: { "HTTP-Referer": Redacted.make("https://shop.example"), "X-Title": Redacted.make("Shop") }
  },
  yandex: { project: Vendor.folder }
}

/** Every vendor behind one gateway, and the official SDK before it. */
export class Vendors extends Context.Service<
  Vendors,
  {
    readonly upstreams: Readonly<Record<VendorName, Vendor.VendorUpstream>>
    readonly ask: (stream: boolean, body: Body, messages?: ReadonlyArray<unknown>) => Effect.Effect<Heard>
    /** What the SDK throws, and its status. */
    readonly refused: (
      stream: boolean,
      body: Body,
      messages?: ReadonlyArray<unknown>
    ) => Effect.Effect<readonly [status: number, error: JsonObject]>
    /** The call and the finish of an answer in OpenAI's older words for functions. */
    readonly old: (
      stream: boolean,
      body: Body,
      messages?: ReadonlyArray<unknown>
    ) => Effect.Effect<readonly [call: { readonly name: string; readonly arguments: string }, finish: unknown]>
    readonly openai: OpenAI
    /** What the vendor received last. */
    readonly sent: (vendor: VendorName) => JsonObject
  }
>()("Vendors") {
  static readonly layer = Layer.effect(
    Vendors,
    Effect.gen(function* () {
      const made = yield* Effect.forEach(vendorNames, (name) =>
        Effect.map(Vendor.make(name, listed[name]), (upstream) => [name, upstream] as const)
      )
      const gateway = yield* startGateway({
        providers: providers(
          Object.fromEntries(
            made.map(([name, { baseUrl }]) => [
              name,
              {
                ...openAiSettings(baseUrl),
                vendor: name,
                ...more[name]
              }
            ])
          )
        ),
        models: new Map([["either", alias(["deepseek/deepseek-v4-pro", "vllm/Qwen/Qwen3-8B"])]])
      })
      const openai = gateway.openai(yield* gateway.makeKey())
      const upstreams = Object.fromEntries(made) as Record<VendorName, Vendor.VendorUpstream>
      const paramsOf = (body: Body, messages: ReadonlyArray<unknown> = question) =>
        ({ ...body, messages }) as unknown as OpenAI.ChatCompletionCreateParamsNonStreaming
      const create = (stream: boolean, body: Body, messages?: ReadonlyArray<unknown>) =>
        (stream ? streamed : whole)(openai, paramsOf(body, messages))
      return {
        openai,
        upstreams,
        ask: (stream, body, messages) => Effect.promise(() => create(stream, body, messages)),
        old: (stream, body, messages) => Effect.promise(() => oldCall(openai, stream, paramsOf(body, messages))),
        refused: (stream, body, messages) =>
          Effect.promise(() =>
            create(stream, body, messages).then(
              () => [200, {}] as const,
              ({ error, status }: { error: JsonObject; status: number }) => [status, error] as const
            )
          ),
        sent: (vendor) => upstreams[vendor].posted().at(-1) ?? {}
      }
    })
  )
}

const question = [{ role: "user", content: "Да?" }]

const thoughtsIn = (part: object): string =>
  "reasoning_content" in part && typeof part.reasoning_content === "string" ? part.reasoning_content : ""

const whole = async (openai: OpenAI, body: OpenAI.ChatCompletionCreateParamsNonStreaming): Promise<Heard> => {
  const { data, response } = await openai.chat.completions.create(body).withResponse()
  const [choice] = data.choices
  return {
    text: choice?.message.content ?? "",
    thoughts: thoughtsIn(choice?.message ?? {}),
    calls: (choice?.message.tool_calls ?? []).map((call) =>
      call.type === "function" ? { id: call.id, ...call.function } : { id: call.id, name: "", arguments: "" }
    ),
    finish: choice?.finish_reason,
    usage: data.usage,
    dropped: response.headers.get("x-xrouter-dropped-params")
  }
}

const streamed = async (openai: OpenAI, body: OpenAI.ChatCompletionCreateParamsNonStreaming): Promise<Heard> => {
  const { data, response } = await openai.chat.completions
    .create({ ...body, stream: true, stream_options: { include_usage: true } })
    .withResponse()
  const chunks = await Array.fromAsync(data)
  const choices = chunks.flatMap(({ choices }) => choices)
  const calls: Array<{ id: string; name: string; arguments: string }> = []
  for (const { index, id = "", function: said } of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
    const call = (calls[index] ??= { id: "", name: "", arguments: "" })
    call.id += id
    call.name += said?.name ?? ""
    call.arguments += said?.arguments ?? ""
  }
  return {
    text: choices.map(({ delta }) => delta.content ?? "").join(""),
    thoughts: choices.map(({ delta }) => thoughtsIn(delta)).join(""),
    calls,
    finish: choices.at(-1)?.finish_reason,
    usage: chunks.at(-1)?.usage ?? undefined,
    dropped: response.headers.get("x-xrouter-dropped-params")
  }
}

const oldCall = async (openai: OpenAI, stream: boolean, body: OpenAI.ChatCompletionCreateParamsNonStreaming) => {
  const parts = stream
    ? (await Array.fromAsync(await openai.chat.completions.create({ ...body, stream }))).flatMap(({ choices }) =>
        choices.map(({ delta, finish_reason }) => ({ said: delta, finish_reason }))
      )
    : (await openai.chat.completions.create(body)).choices.map(({ finish_reason, message }) => ({
        said: message,
        finish_reason
      }))
  const call = { name: "", arguments: "" }
  for (const { said } of parts) {
    assert.notProperty(said, "tool_calls")
    call.name += said.function_call?.name ?? ""
    call.arguments += said.function_call?.arguments ?? ""
  }
  return [call, parts.at(-1)?.finish_reason] as const
}
