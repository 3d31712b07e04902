/** A provider of one's own is held against the contract that ours keep to, by Node's own runner. */
import { Deferred, Effect, Stream } from "effect"
import { test } from "node:test"
import { type ChatEvent, type Provider, ProviderError, RateLimitError } from "xrouter/providers"
import { providerContract, type Trouble } from "xrouter/testing"

/** A vendor's client: it answers word by word, or fails with a status. */
type Ask = (question: string) => Stream.Stream<string, { readonly status: number }>

const own = (ask: Ask): Provider => ({
  name: "own",
  models: Effect.succeed([{ id: "wise", ownedBy: "us", created: 0 }]),
  abilities: () => ({ parameters: new Set(), formats: new Set(), input: new Set(["text"]) }),
  prepare: ({ request }) => {
    const question = JSON.stringify(request.messages)
    const words = ask(question).pipe(
      Stream.map((text): ChatEvent => ({ _tag: "TextDelta", choice: 0, text })),
      Stream.mapError(({ status }) =>
        status === 429
          ? new RateLimitError({ reason: "provider_rate_limit", message: "Slower", retryAfterMillis: 1000, ...us })
          : new ProviderError({ reason: "provider_failed", message: "It broke", upstreamStatus: status, ...us })
      )
    )
    const begin: ChatEvent = { _tag: "Started" }
    const end: ReadonlyArray<ChatEvent> = [{ _tag: "ChoiceFinished", choice: 0, reason: "stop" }, { _tag: "Finished" }]
    return Effect.succeed({
      dropped: [],
      events: Stream.make(begin).pipe(Stream.concat(words), Stream.concat(Stream.fromIterable(end)))
    })
  }
})

const us = { provider: "own" }

/** The provider before a vendor of which the test counts the questions. */
const before = (ask: Ask) =>
  Effect.sync(() => {
    let asked = 0
    const counted: Ask = (question) =>
      Stream.suspend(() => {
        asked++
        return ask(question)
      })
    return { provider: own(counted), requests: () => asked }
  })

const refusing = (status: number, expected: Trouble["expected"]): Trouble => ({
  subject: before(() => Stream.fail({ status })),
  expected
})

const cases = providerContract({
  model: "wise",
  subject: before(() => Stream.make("It is ", "Rome.")),
  endless: Effect.gen(function* () {
    const left = yield* Deferred.make<void>()
    const subject = yield* before(() =>
      Stream.make("It is ").pipe(Stream.concat(Stream.never), Stream.ensuring(Deferred.succeed(left, undefined)))
    )
    return { ...subject, closed: Deferred.await(left) }
  }),
  troubles: {
    "a limit": refusing(429, { _tag: "RateLimitError", reason: "provider_rate_limit" }),
    "an internal error": refusing(500, { _tag: "ProviderError", reason: "provider_failed" })
  }
})

for (const { effect, name } of cases) test(name, () => Effect.runPromise(effect))
