import { Effect, Result } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ChatRequest } from "../../domain/ChatRequest.ts"
import { isJsonObject } from "../../domain/Json.ts"
import type { Carrier } from "../Parameters.ts"
import type { ChatCall } from "../Provider.ts"
import { type ToolOffer, toolOffer } from "../ToolOffer.ts"
import { heard } from "./Heard.ts"
import { instructed } from "./Instructed.ts"
import { type Judge, mendedWhole } from "./Mending.ts"
import type { Prepare } from "./Whole.ts"

/**
 * Requires a call of any of several functions from a provider that can be made to call only one by its name: the model is free to
 * choose and told that it must. An answer without a call goes back once, and no word of it goes out.
 */
export const required =
  (provider: string, prepare: Prepare): Prepare =>
  (call) => {
    const offer = toolOffer(carrier(provider), call.request)
    // The provider says what is wrong with it.
    if (Result.isFailure(offer) || !offer.success.isRequired || offer.success.forced !== undefined) return prepare(call)
    return calling(provider, prepare, { ...call, request: { ...call.request, tool_choice: freely(call.request) } })
  }

/**
 * The same, of one function by its name too, from a provider that leaves every call to the model: it is offered nothing but what may
 * be called. So it is where some of the tools are allowed and none is required.
 */
export const chosen =
  (provider: string, prepare: Prepare): Prepare =>
  (call) => {
    const offer = toolOffer(carrier(provider), call.request)
    if (Result.isFailure(offer)) return Effect.fail(offer.failure)
    const names = namesOf(offer.success)
    const tools = call.request.tools?.filter(({ function: definition }) => names.has(definition?.name ?? ""))
    const offered: ChatCall = { ...call, request: { ...call.request, tools: tools ?? [], tool_choice: "auto" } }
    return offer.success.isRequired ? calling(provider, prepare, offered, names) : prepare(offered)
  }

const carrier = (provider: string): Carrier => ({ provider, who: provider, carried: new Set(["tools", "tool_choice"]) })

const namesOf = ({ forced, functions }: ToolOffer): ReadonlySet<string> =>
  new Set(forced === undefined ? functions.map(({ definition }) => definition.name) : [forced])

/** The choice among the same functions, left to the model. */
const freely = ({ tool_choice: choice }: ChatRequest): NonNullable<ChatRequest["tool_choice"]> => {
  const allowed = isJsonObject(choice) ? choice["allowed_tools"] : undefined
  return isJsonObject(allowed) ? { type: "allowed_tools", allowed_tools: { ...allowed, mode: "auto" } } : "auto"
}

const calling = (provider: string, prepare: Prepare, call: ChatCall, names?: ReadonlySet<string>) => {
  const messages = instructed(call.request.messages, instruction)
  const asked: ChatCall = { ...call, request: { ...call.request, messages } }
  return Effect.mapEager(prepare(asked), (prepared) =>
    mendedWhole({ provider, prepare, asked, judge: judgeOf(names) }, prepared)
  )
}

const instruction = "Answer by calling one of your functions. An answer in words alone is not accepted."

/** Where names are given, a call of another one is none: a model that was offered one function may remember others. */
const judgeOf =
  (names: ReadonlySet<string> | undefined): Judge =>
  (events) => {
    const { isExempt, text } = heard(events)
    const isStrange = names !== undefined && events.some((event) => isOfOther(names, event))
    if (isExempt && !isStrange) return Result.succeed(events)
    const [did, fault] = isStrange
      ? ["called a function that it may not call, twice", "calls a function that is not among yours"]
      : [
          "called none of the functions of which one was required, not even when told that it has to",
          "calls no function"
        ]
    return Result.fail({
      did,
      text,
      objection: `This answer ${fault}. Call the one of your functions that fits best, and say nothing else.`
    })
  }

const isOfOther = (names: ReadonlySet<string>, event: ChatEvent): boolean =>
  event._tag === "ToolCallDelta" && event.name !== undefined && !names.has(event.name)
