import { type Duration, Effect, Stream } from "effect"
import type { ChatEvent, FinishReason } from "../domain/ChatEvent.ts"
import { ProviderError, type ProviderFailure, RateLimitError, ValidationError } from "../domain/Errors.ts"
import type { Usage } from "../domain/Usage.ts"

/** What a provider answers, as events; ready-made ones, and the parts to make others of. */
export type Answer = Stream.Stream<ChatEvent, ProviderFailure>

export const started: ChatEvent = { _tag: "Started" }

export const text = (text: string): ChatEvent => ({ _tag: "TextDelta", choice: 0, text })

export const ended = (reason: FinishReason): ChatEvent => ({ _tag: "ChoiceFinished", choice: 0, reason })

export const stop: ChatEvent = ended("stop")

/** Without `usage` nothing was counted. */
export const finished = (usage?: Usage): ChatEvent =>
  usage === undefined ? { _tag: "Finished" } : { _tag: "Finished", usage }

/** Tokens; those that are not named are 0. */
export const used = (usage: Partial<Usage>): Usage => ({
  promptTokens: 0,
  completionTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  ...usage
})

/** One event at a time, as a network brings them. */
export const tells = (...events: ReadonlyArray<ChatEvent>): Answer => Stream.fromIterable(events, { chunkSize: 1 })

/** A text, whole, and a good end. */
export const says = (words: string, usage?: Usage): Answer => tells(started, text(words), stop, finished(usage))

/** The same word by word, with so much time before each. */
export const speaks = (words: string, pause: Duration.Input, usage?: Usage): Answer =>
  tells(started).pipe(
    Stream.concat(Stream.tap(tells(...(words.match(/\s*\S+/g) ?? []).map(text)), () => Effect.sleep(pause))),
    Stream.concat(tells(stop, finished(usage)))
  )

/** Calls of tools, with the arguments as JSON. */
export const calls = (
  ...made: ReadonlyArray<{ readonly name: string; readonly arguments?: unknown; readonly id?: string }>
): Answer =>
  tells(
    started,
    ...made.map((call, index): ChatEvent => ({
      _tag: "ToolCallDelta",
      choice: 0,
      call: index,
      id: call.id ?? `call_${index}`,
      name: call.name,
      arguments: JSON.stringify(call.arguments ?? {})
    })),
    ended("tool_calls"),
    finished()
  )

// Faults

/** Fails before a word is said: the router tries another provider, or this one again. */
export const fails = (failure: ProviderFailure): Answer => Stream.fail(failure)

/** Says that much, and fails: nobody can take over. */
export const breaksOff = (words: string, failure: ProviderFailure = broken): Answer =>
  Stream.concat(tells(started, text(words)), Stream.fail(failure))

/** Says that much (nothing, unless given) and is silent for ever: for timers, and for clients that do not wait. */
export const hangs = (words = ""): Answer =>
  Stream.concat(words === "" ? tells(started) : tells(started, text(words)), Stream.never)

/** A failure of the provider's own; `provider_failed` with a status of 500 unless said otherwise. */
export const failure = (
  reason: ProviderError["reason"] = "provider_failed",
  more: Partial<Omit<ConstructorParameters<typeof ProviderError>[0], "reason">> = {}
): ProviderError =>
  new ProviderError({
    reason,
    message: `The scripted provider fails: ${reason}`,
    provider: "scripted",
    ...(reason === "provider_failed" ? { upstreamStatus: 500 } : {}),
    ...more
  })

const broken = failure("provider_failed", { message: "The scripted provider broke off in the middle of its answer" })

/** The provider's limit (429), until so much time is over. */
export const limited = (retryAfterMillis = 1000, provider = "scripted"): RateLimitError =>
  new RateLimitError({
    reason: "provider_rate_limit",
    message: "The scripted provider takes no more requests just now",
    retryAfterMillis,
    provider
  })

/** The provider refuses the request for what is in it: nobody else is tried. */
export const refused = (message = "The scripted provider does not take this request", provider = "scripted") =>
  new ValidationError({ reason: "provider_rejected_request", message, provider })
