import { Effect, Layer, Result, Stream } from "effect"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import { Catalog } from "../router/Catalog.ts"
import { Router } from "../router/Router.ts"
import { annotateParts, annotateRequest } from "./Annotations.ts"
import { asking, type LanguageModelOptions } from "./Asking.ts"
import { eventsOf, forEach, orFail, partsOf } from "./Pulling.ts"
import type { Place } from "./Reasons.ts"
import { StreamedAnswer } from "./StreamedAnswer.ts"
import { objectCodec } from "./Tools.ts"
import { WholeAnswer } from "./WholeAnswer.ts"

/**
 * Effect's `LanguageModel` over the router of this process, without HTTP: `generateText`, `generateObject`, `streamText` and toolkits
 * on every provider that the router has, with its retries, fallbacks and circuits. Calls fail with `AiError`, whose reason tells ours too
 * (`Reasons.ts`); a model that no provider has is an `InvalidRequestError` of the call. Interrupting a call, or leaving its
 * stream, closes the upstream's connection at once.
 */
export const make = Effect.fnUntraced(function* (
  options: LanguageModelOptions
): Effect.fn.Return<LanguageModel.LanguageModel, never, Router | Catalog> {
  const ask = asking(yield* Router, yield* Catalog, options)
  return yield* LanguageModel.make({
    codecTransformer: objectCodec,

    generateText: (asked) =>
      Effect.scoped(
        Effect.gen(function* () {
          const place = placeOf(asked.responseFormat.type === "json" ? "generateObject" : "generateText")
          const { head, reply, request } = yield* ask(asked, false, place)
          annotateRequest(asked, request)
          const answered = yield* reply
          const answer = new WholeAnswer()
          yield* forEach(eventsOf(answered, place), (events) => answer.add(events))
          const parts = yield* orFail(place, answer.parts(head(answered)))
          annotateParts(asked, parts)
          return parts
        })
      ),

    streamText: (asked) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const place = placeOf("streamText")
          const { head, reply, request } = yield* ask(asked, true, place)
          annotateRequest(asked, request)
          const answered = yield* reply
          const answer = new StreamedAnswer(head(answered))
          const parts = partsOf(eventsOf(answered, place), place, (events) =>
            Result.map(answer.parts(events), (parts) => {
              annotateParts(asked, parts)
              return parts
            })
          )
          return Stream.fromPull(Effect.succeed(parts))
        })
      )
  })
})

/** `LanguageModel` by this model of the router. */
export const layer = (
  options: LanguageModelOptions
): Layer.Layer<LanguageModel.LanguageModel, never, Router | Catalog> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))

/**
 * The same as a `Model` of `effect/ai`, which tells its name too: `ProviderName` is `xrouter`, `ModelName` what was asked for. Who it is
 * that serves is told by each answer, in its part `response-metadata`.
 */
export const model = (
  options: LanguageModelOptions
): Model.Model<"xrouter", LanguageModel.LanguageModel, Router | Catalog> =>
  Model.make("xrouter", options.model, layer(options))

const placeOf = (method: string): Place => ({ module: "XRouterLanguageModel", method })
