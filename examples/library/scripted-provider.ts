/** A test of an application by Node's own runner: the provider answers as it is told, fails when it shall, and remembers what it was asked. */
import { Effect, Layer } from "effect"
import { LanguageModel } from "effect/ai"
import assert from "node:assert/strict"
import { test } from "node:test"
import { Metrics, Providers, Router } from "xrouter"
import { XRouterLanguageModel } from "xrouter/ai"
import { Answers, ScriptedProvider, TestGateway } from "xrouter/testing"

/** What is tested: it asks for a summary, and does without one where nobody gives it. */
const summary = (text: string) =>
  LanguageModel.generateText({ prompt: `Sum up: ${text}` }).pipe(
    Effect.map((response) => response.text),
    Effect.catchTag("AiError", () => Effect.succeed("(no summary)"))
  )

const modelOf = (...providers: ReadonlyArray<ScriptedProvider.ScriptedProvider>) =>
  XRouterLanguageModel.layer({ model: "best" }).pipe(
    Layer.provide(Router.layer({ models: { best: { candidates: providers.map(({ name }) => `${name}/m`) } } })),
    Layer.provide([Providers.layer(providers), Metrics.layer])
  )

test("a summary is the model's", async () => {
  const provider = ScriptedProvider.make("good", { answer: Answers.says("In short: Rome.") })
  const text = await Effect.runPromise(Effect.provide(summary("a long text"), modelOf(provider)))
  assert.equal(text, "In short: Rome.")
  assert.deepEqual(provider.sent[0]?.request.messages, [{ role: "user", content: "Sum up: a long text" }])
})

test("there is none where the provider refuses the text", async () => {
  const provider = ScriptedProvider.make("strict", { answer: Answers.fails(Answers.refused()) })
  assert.equal(await Effect.runPromise(Effect.provide(summary("a text"), modelOf(provider))), "(no summary)")
})

test("a whole gateway takes the key that the test has", async () => {
  const program = Effect.gen(function* () {
    const provider = ScriptedProvider.make("good", { answer: Answers.says("Rome.") })
    const gateway = yield* TestGateway.start({ providers: [provider] })
    const response = yield* Effect.promise(() =>
      fetch(`${gateway.baseUrl}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "good/m", messages: [{ role: "user", content: "Hello" }] })
      })
    )
    assert.match(yield* Effect.promise(() => response.text()), /Rome\./)
  })
  await Effect.runPromise(Effect.scoped(program))
})
