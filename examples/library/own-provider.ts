/** A provider of one's own is a value: what it can be asked for, what it answers, how it fails. */
import { Console, Effect, Layer, Stream } from "effect"
import { Chat, Metrics, Providers, Router } from "xrouter"
import { type ChatEvent, type Provider, ProviderError, ValidationError } from "xrouter/providers"

const louder: Provider = {
  name: "louder",
  models: Effect.succeed([{ id: "shout", ownedBy: "us", created: 0 }]),
  // What is not named here is made up for where that is possible, or left out and told to the caller.
  abilities: () => ({ parameters: new Set(["temperature"]), formats: new Set(), input: new Set(["text"]) }),
  prepare: ({ model, request }) => {
    const said = request.messages.at(-1)?.content
    if (typeof said !== "string") {
      return Effect.fail(new ValidationError({ reason: "invalid_request", message: "Only text", param: "messages" }))
    }
    const answer: ReadonlyArray<ChatEvent> = [
      { _tag: "Started", upstreamModel: model },
      { _tag: "TextDelta", choice: 0, text: `${said.toUpperCase()}!` },
      { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
      { _tag: "Finished", usage: { promptTokens: 1, completionTokens: 1, cachedTokens: 0, reasoningTokens: 0 } }
    ]
    const failure = new ProviderError({ reason: "provider_failed", message: "Lost its voice", provider: "louder" })
    return Effect.succeed({
      dropped: [],
      events: model === "shout" ? Stream.fromIterable(answer) : Stream.fail(failure)
    })
  }
}

const program = Effect.gen(function* () {
  const messages = [{ role: "user", content: "hello" }] as const
  const answer = yield* Chat.complete({ model: "louder/shout", messages, stop: "O", n: 2 })
  yield* Console.log(answer.choices.map(({ text }) => text).join(" "))
  const failure = yield* Effect.flip(Chat.complete({ model: "louder/whisper", messages }))
  yield* Console.log(`${failure.code}: ${failure.message}`)
})

await Effect.runPromise(
  Effect.provide(program, Router.layer().pipe(Layer.provide([Providers.layer([louder]), Metrics.layer])))
)
