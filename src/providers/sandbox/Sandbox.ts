import { Effect, Result, Stream } from "effect"
import type { ChatEvent, FinishReason } from "../../domain/ChatEvent.ts"
import { type ChatRequest, maxTokens } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { droppedNames } from "../Parameters.ts"
import type { ChatCall, Provider, ProviderModel } from "../Provider.ts"
import { type Conversation, heard } from "./Conversation.ts"
import { embedder } from "./Embedding.ts"
import { carrierOf, checkCall } from "./Parameters.ts"
import { story } from "./Story.ts"
import { toolUse } from "./ToolUse.ts"
import { word } from "./Words.ts"

/**
 * Models that need no network and no credentials, so that a newcomer sees an answer in the first minute and a test knows it
 * beforehand: the same request has the same answer, always.
 */
export const make = (name: string): Provider => ({
  name,
  prepare: (call) =>
    Effect.fromResult(
      Result.gen(function* () {
        const carrier = carrierOf(name, call.model)
        yield* checkCall(call, carrier)
        const conversation = yield* heard(carrier, call.request.messages)
        const replies = yield* Result.all(
          Array.from({ length: call.request.n ?? 1 }, (_, choice) => reply(name, call, conversation, choice))
        )
        yield* checkLength(replies)
        return {
          dropped: droppedNames(call.request, carrier),
          // One event at a time, as they would come from a network.
          events: Stream.suspend(() => Stream.fromIterable(events(call, conversation, replies), { chunkSize: 1 }))
        }
      })
    ),
  embed: embedder(name),
  models: Effect.succeed(models)
})

const models: ReadonlyArray<ProviderModel> = [
  ...["echo", "story", "tools"].map((id) => ({ id, ownedBy: "xrouter", created: 0 })),
  { id: "embed", ownedBy: "xrouter", created: 0, purpose: "embedding" }
]

/** One choice: a text, or the arguments of a tool, in tokens. */
interface Reply {
  readonly text: string
  readonly token: RegExp
  readonly tool: string | undefined
  /** Why it ends where its tokens do. */
  readonly reason: FinishReason
}

const reply = (
  name: string,
  { model, request }: ChatCall,
  { text, results }: Conversation,
  choice: number
): Result.Result<Reply, ValidationError> => {
  switch (model) {
    case "echo":
      return Result.succeed(spoken(request, text))
    case "story":
      return Result.succeed(spoken(request, story(choice === 0 ? text : `${text}#${choice}`)))
    case "tools":
      if (results.length > 0) return Result.succeed(spoken(request, `The tool answered: ${results.join("; ")}`))
      return Result.map(toolUse(request, text), (use) =>
        use === undefined
          ? spoken(request, `No tool was called. You said: ${text}`)
          : { text: use.arguments, token: argumentPiece, tool: use.name, reason: "tool_calls" }
      )
    default:
      return Result.fail(
        new ValidationError({
          reason: "model_not_found",
          message: `The model \`${name}/${model.slice(0, 200)}\` does not exist: the sandbox has echo, story and tools`,
          param: "model",
          provider: name
        })
      )
  }
}

/** A token of a tool's arguments: letters are not parted. */
const argumentPiece = /.{1,8}/gsu

const spoken = ({ stop }: ChatRequest, text: string): Reply => {
  const stops = stop === undefined ? [] : [stop].flat()
  const ends = stops.map((stop) => (stop === "" ? -1 : text.indexOf(stop))).filter((at) => at !== -1)
  return { text: text.slice(0, Math.min(text.length, ...ends)), token: word, tool: undefined, reason: "stop" }
}

/** Most letters of all choices together: a caller must not have a body's worth of text told a hundred times. */
const mostLetters = 2 ** 25

const checkLength = (replies: ReadonlyArray<Reply>): Result.Result<void, ValidationError> =>
  replies.length > 1 && replies.reduce((sum, { text }) => sum + text.length, 0) > mostLetters
    ? Result.fail(
        new ValidationError({
          reason: "invalid_request",
          message: `The sandbox does not tell so long a text ${replies.length} times`,
          param: "n"
        })
      )
    : Result.void

/** The choices by turns, token after token, as a real model's choices come. */
function* events(
  { model, request }: ChatCall,
  { promptTokens, turns }: Conversation,
  replies: ReadonlyArray<Reply>
): Iterable<ChatEvent> {
  yield { _tag: "Started", upstreamModel: model }
  for (const [choice, { tool }] of replies.entries()) {
    // Unlike those of the turns before, so that a client can tell its calls apart.
    if (tool !== undefined) {
      yield { _tag: "ToolCallDelta", choice, call: 0, id: `call_${turns}_${choice}`, name: tool, arguments: "" }
    }
  }
  const most = maxTokens(request) ?? Infinity
  const speaking = new Map(
    replies.map((reply, choice) => [choice, { ...reply, tokens: reply.text.matchAll(reply.token) }])
  )
  let completionTokens = 0
  for (let round = 0; speaking.size > 0; round++) {
    for (const [choice, { tokens, tool, reason }] of speaking) {
      const next = tokens.next()
      if (next.done === true || round === most) {
        speaking.delete(choice)
        yield { _tag: "ChoiceFinished", choice, reason: next.done === true ? reason : "length" }
      } else {
        completionTokens++
        yield tool === undefined
          ? { _tag: "TextDelta", choice, text: next.value[0] }
          : { _tag: "ToolCallDelta", choice, call: 0, arguments: next.value[0] }
      }
    }
  }
  yield { _tag: "Finished", usage: { promptTokens, completionTokens, cachedTokens: 0, reasoningTokens: 0 } }
}
