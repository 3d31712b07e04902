import { Result } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { isJsonObject, type JsonObject } from "../../domain/Json.ts"
import { failedAnswer, invalidAnswer, type Teller } from "../BrokenAnswers.ts"
import type { Dialect } from "../Dialect.ts"
import { readJson } from "../JsonText.ts"
import type { Carrier } from "../Parameters.ts"
import type { ChatCall } from "../Provider.ts"
import { OpenAiAnswer } from "./OpenAiAnswer.ts"
import { faultFailure, faultOf, refusedBy } from "./OpenAiFault.ts"
import { asItCame, inWays } from "./OpenAiRequest.ts"
import type { Vendor } from "./Vendors.ts"

/**
 * OpenAI's chat completions as OpenAI and those who follow it speak them. The client's request is in the same words, so it goes
 * out as it came, unknown fields included, with the upstream's name for the model; what a known vendor does in its own way is
 * put so.
 */
export const make = (teller: Teller, vendor?: Vendor): Dialect<OpenAiAnswer> => {
  const carrier: Carrier = {
    provider: teller.provider,
    who: vendor === undefined ? teller.provider : vendor.title,
    carried: new Set()
  }

  const start = (call: ChatCall) => new OpenAiAnswer(call, vendor?.waysOf(call.model).thinkTags === true)

  const ended = (answer: OpenAiAnswer, otherwise: () => ProviderFailure): Told => {
    const end = answer.end()
    return end === undefined ? Result.fail(otherwise()) : Result.succeed([end])
  }

  const read = (answer: OpenAiAnswer, json: JsonObject, part: "delta" | "message"): Told => {
    // A field `error` that is null is none.
    if (json["error"] !== undefined || json["choices"] === undefined) {
      const fault = faultOf(json)
      if (fault !== undefined) return Result.fail(faultFailure(teller, fault))
    }
    const events = answer.read(json, part)
    return answer.brokenBy === undefined
      ? Result.succeed(events)
      : Result.fail(failedAnswer(teller, `gave up its answer (finish_reason "${answer.brokenBy}")`))
  }

  return {
    lower: ({ model, request }) =>
      vendor === undefined
        ? Result.succeed({ body: asItCame(model, request), dropped: [] })
        : inWays(vendor.waysOf(model), carrier, model, request),

    read: (call, body) => {
      const json = readJson(body)
      if (!isJsonObject(json)) return Result.fail(invalidAnswer(teller, "answered with something else than JSON", body))
      const answer = start(call)
      return Result.flatMap(read(answer, json, "message"), (events) =>
        Result.map(
          ended(answer, () => invalidAnswer(teller, "sent an answer without a choice or without its finish_reason")),
          (end) => [...events, ...end]
        )
      )
    },

    start,

    step: (answer, frame) => {
      if (answer.isEnded || frame === "") return nothing
      if (frame === "[DONE]" || frame.trim() === "[DONE]") {
        return ended(answer, () => invalidAnswer(teller, "ended its stream without a finish_reason"))
      }
      const json = readJson(frame)
      return isJsonObject(json)
        ? read(answer, json, "delta")
        : Result.fail(invalidAnswer(teller, "sent an event that is not a JSON object", frame))
    },

    // Who parts thoughts from a text has to know the ones before.
    isEachTextItsOwn: (answer) => !answer.hasTags,

    halt: (answer) =>
      answer.isEnded
        ? nothing
        : ended(answer, () =>
            failedAnswer(teller, "ended its stream in the middle of its answer, without a finish_reason")
          ),

    refuse: (_call, refusal) => refusedBy(teller, refusal)
  }
}

type Told = Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>

const nothing: Told = Result.succeed([])
