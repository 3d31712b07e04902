import { Result } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import type { ProviderFailure } from "../../../src/domain/Errors.ts"
import * as OpenAiDialect from "../../../src/providers/openai/OpenAiDialect.ts"
import type { ChatCall } from "../../../src/providers/Provider.ts"
import { type Told, toldOf } from "../dialects.ts"

export const teller = { provider: "openai", secrets: ["sk-secret-key"] }
export const dialect = OpenAiDialect.make(teller)

export const call: ChatCall = {
  requestId: "req_1",
  model: "gpt-test",
  request: { model: "openai/gpt-test", messages: [{ role: "user", content: "Привет" }] }
}

/** The events of a whole answer. */
export const read = (answer: unknown): Told => dialect.read(call, JSON.stringify(answer))

/** The events of a stream of these frames, up to its first failure. */
export const stream = (...frames: ReadonlyArray<unknown>): Told => toldOf(dialect, call, frames)

export const chunk = (delta: unknown, finish: string | null = null, more: Readonly<Record<string, unknown>> = {}) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "gpt-test-2026",
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  ...more
})

/** The events without the first, which only says that it began. */
export const told = (result: Told): ReadonlyArray<ChatEvent> => Result.getOrThrow(result).slice(1)

export const failure = (result: Told): ProviderFailure => Result.getOrThrow(Result.flip(result))
