import { Effect, Result, Stream } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ChatRequest, Message } from "../../domain/ChatRequest.ts"
import { type ProviderFailure, ValidationError } from "../../domain/Errors.ts"
import { isNothing } from "../JsonText.ts"
import type { Carrier } from "../Parameters.ts"
import type { Prepared } from "../Provider.ts"
import { unknownChoice } from "../ToolOffer.ts"
import { unfitAnswer } from "../UnfitAnswer.ts"
import type { Prepare } from "./Whole.ts"

/** Whether a request has anything of OpenAI's older way of functions: its parameters, a call or a result. */
export const isOld = ({ function_call, functions, messages }: ChatRequest): boolean =>
  functions !== undefined ||
  function_call !== undefined ||
  messages.some((message) => message.role === "function" || (message.role === "assistant" && message.function_call))

/** Whom the older words are put into the newer ones for. */
interface Newer {
  readonly provider: string
  /** It can be told to make one call at a time, which is all that the older words know. */
  readonly takesOne: boolean
}

/**
 * OpenAI's older `functions`, `function_call` and messages of role `function` for a provider that knows the newer `tools`: asked
 * as tools of which one is called at a time, and answered in the older words where the request is in them.
 */
export const oldFunctions =
  (newer: Newer, prepare: Prepare): Prepare =>
  (call) => {
    const { provider } = newer
    const request = asTools(newer, call.request)
    if (Result.isFailure(request)) return Effect.fail(request.failure)
    const prepared = Effect.mapError(prepare({ ...call, request: request.success }), inOldWords(call.request))
    if (isNothing(call.request.functions)) return prepared
    return Effect.mapEager(prepared, ({ dropped, events, whole }): Prepared => ({
      dropped,
      events: Stream.mapEffect(events, (event) => Effect.fromResult(asOldCall(provider, event))),
      ...(whole === undefined
        ? {}
        : {
            whole: Effect.flatMap(whole, (events) =>
              Effect.fromResult(Result.all(events.map((event) => asOldCall(provider, event))))
            )
          })
    }))
  }

// Request

/** The same request in the newer words. Messages keep their places. */
export const asTools = (
  { provider, takesOne }: Newer,
  request: ChatRequest
): Result.Result<ChatRequest, ValidationError> =>
  Result.gen(function* () {
    const { function_call: choice, functions = [], ...rest } = request
    const messages = yield* messagesAsTools(provider, request.messages)
    if (functions.length === 0) {
      if (typeof choice === "object") return yield* unknownChoice(carrierOf(provider), "function_call", "functions")
      return { ...rest, messages }
    }
    if (!isNothing(request.tools)) {
      return yield* invalid(provider, "functions", "Give either `tools` or `functions`, which is their older name")
    }
    if (typeof choice === "object" && !functions.some(({ name }) => name === choice.name)) {
      return yield* unknownChoice(carrierOf(provider), "function_call", "functions")
    }
    return {
      ...rest,
      messages,
      tools: functions.map((definition) => ({ type: "function", function: definition })),
      ...(choice === undefined ? {} : { tool_choice: choiceOf(choice) }),
      ...(takesOne ? { parallel_tool_calls: false } : {})
    }
  })

const carrierOf = (provider: string): Carrier => ({ provider, who: provider, carried: new Set() })

const choiceOf = (choice: NonNullable<ChatRequest["function_call"]>): Exclude<ChatRequest["tool_choice"], undefined> =>
  typeof choice === "string" ? choice : { type: "function", function: { name: choice.name } }

/** The older calls have no ids: a result is that of the last call of its function that has none yet. */
const messagesAsTools = (
  provider: string,
  messages: ChatRequest["messages"]
): Result.Result<ChatRequest["messages"], ValidationError> =>
  Result.gen(function* () {
    const open = new Map<string, string>()
    const told: Array<Message> = []
    for (const [index, message] of messages.entries()) {
      if (message.role === "function") {
        const id = open.get(message.name)
        if (id === undefined) {
          return yield* invalid(provider, `messages[${index}].name`, "No message before it calls this function")
        }
        open.delete(message.name)
        told.push({ role: "tool", tool_call_id: id, content: message.content ?? "" })
      } else if (message.role === "assistant" && message.function_call) {
        const { function_call: called, ...rest } = message
        if (!isNothing(message.tool_calls)) {
          return yield* invalid(
            provider,
            `messages[${index}].function_call`,
            "Give either `tool_calls` or `function_call`, which is their older name"
          )
        }
        const id = `call_${index}`
        open.set(called.name, id)
        told.push({ ...rest, tool_calls: [{ id, type: "function", function: called }] })
      } else told.push(message)
    }
    return told
  })

const invalid = (provider: string, param: string, message: string) =>
  Result.fail(new ValidationError({ reason: "invalid_body", param, message, provider }))

/** A refusal names what the caller wrote. */
const inOldWords =
  ({ functions, messages }: ChatRequest) =>
  (failure: ProviderFailure): ProviderFailure => {
    if (failure._tag !== "ValidationError" || failure.param === undefined) return failure
    const { message, param, provider, reason } = failure
    const own = (isNothing(functions) ? param : inFunctions(param)).replace(
      /^messages\[(\d+)\]\.tool_calls\[0\](?:\.function)?/,
      (path, index: string) => {
        const told = messages[Number(index)]
        return told?.role === "assistant" && told.function_call ? `messages[${index}].function_call` : path
      }
    )
    if (own === param) return failure
    return new ValidationError({ reason, message, param: own, ...(provider === undefined ? {} : { provider }) })
  }

const inFunctions = (param: string): string =>
  param
    .replace(/^tools\[(\d+)\]\.function/, "functions[$1]")
    .replace(/^tools\b/, "functions")
    .replace(/^tool_choice.*/, "function_call")

// Answer

const asOldCall = (provider: string, event: ChatEvent): Result.Result<ChatEvent, ProviderFailure> => {
  if (event._tag === "ToolCallDelta") {
    if (event.call > 0) {
      return Result.fail(
        unfitAnswer(provider, "called several functions at once, and `functions` knows one call of an answer")
      )
    }
    const { arguments: text, choice, name } = event
    const called = name === undefined ? { arguments: text } : { name, arguments: text }
    return Result.succeed({ _tag: "ChoiceExtra", choice, delta: { function_call: called } })
  }
  return Result.succeed(
    event._tag === "ChoiceFinished" && event.reason === "tool_calls" ? { ...event, reason: "function_call" } : event
  )
}
