/** Asks models from a script: no HTTP, no keys, no database. */
import { Console, Effect, Layer, Stream } from "effect"
import { Chat, Metrics, Providers, Router } from "xrouter"
import * as Sandbox from "xrouter/providers/sandbox"

const routing = Router.layer({
  models: { best: { candidates: ["sandbox/echo"], fallbacks: ["sandbox/story"], strategy: "ordered" } }
}).pipe(Layer.provide([Providers.layer([Sandbox.make()]), Metrics.layer]))

const program = Effect.gen(function* () {
  const answer = yield* Chat.complete({ model: "best", messages: [{ role: "user", content: "Hello" }] })
  yield* Console.log(`${answer.provider}/${answer.model}: ${answer.choices[0]?.text}`)

  const story = Chat.stream({ model: "sandbox/story", messages: [{ role: "user", content: "A lighthouse" }] })
  const pieces = yield* Stream.runFold(
    story,
    () => 0,
    (count, event) => (event._tag === "TextDelta" ? count + 1 : count)
  )
  yield* Console.log(`A story in ${pieces > 10 ? "many" : "few"} pieces`)

  const failure = yield* Effect.flip(Chat.complete({ model: "nobody", messages: [{ role: "user", content: "Hello" }] }))
  yield* Console.log(`${failure.code}: ${failure.reason}`)
})

await Effect.runPromise(Effect.provide(program, routing))
