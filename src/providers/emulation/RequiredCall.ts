import { Effect, Result } from "effect"
import type { ChatRequest } from "../../domain/ChatRequest.ts"
import { isJsonObject } from "../../domain/Json.ts"
import type { Carrier } from "../Parameters.ts"
import type { ChatCall } from "../Provider.ts"
import { toolOffer } from "../ToolOffer.ts"
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
    const { request } = call
    const asked: ChatCall = {
      ...call,
      request: { ...request, tool_choice: freely(request), messages: instructed(request.messages, instruction) }
    }
    return Effect.mapEager(prepare(asked), (prepared) => mendedWhole({ provider, prepare, asked, judge }, prepared))
  }

const carrier = (provider: string): Carrier => ({ provider, who: provider, carried: new Set(["tools", "tool_choice"]) })

/** The choice among the same functions, left to the model. */
const freely = ({ tool_choice: choice }: ChatRequest): NonNullable<ChatRequest["tool_choice"]> => {
  const allowed = isJsonObject(choice) ? choice["allowed_tools"] : undefined
  return isJsonObject(allowed) ? { type: "allowed_tools", allowed_tools: { ...allowed, mode: "auto" } } : "auto"
}

const instruction = "Answer by calling one of your functions. An answer in words alone is not accepted."

const judge: Judge = (events) => {
  const { isExempt, text } = heard(events)
  return isExempt
    ? Result.succeed(events)
    : Result.fail({
        did: "called none of the functions of which one was required, not even when told that it has to",
        text,
        objection: "This answer calls no function. Call the one of your functions that fits best, and say nothing else."
      })
}
