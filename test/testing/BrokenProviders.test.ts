import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Stream } from "effect"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import type { Prepared, Provider } from "../../src/providers/Provider.ts"
import { Answers, type ContractOptions, providerContract, ScriptedProvider } from "../../src/testing/index.ts"

const { calls, ended, finished, says, started, stop, tells, text, used } = Answers

const counted = used({ promptTokens: 9, completionTokens: 1 })

const vectors = ({ input }: { readonly input: ReadonlyArray<string> }) =>
  Effect.succeed({ vectors: input.map(({ length }) => [length, 0.5]), promptTokens: input.length })

const subjectOf = (provider: ScriptedProvider.ScriptedProvider) => ({ provider, requests: () => provider.sent.length })

const good = Effect.sync(() =>
  subjectOf(ScriptedProvider.make("good", { answer: says("Rome.", counted), models: ["m"], embed: vectors }))
)

/** A provider before a vendor that never comes to an end, with what tells that its caller has left. */
const endless = (change: (prepared: Prepared) => Prepared = (prepared) => prepared) =>
  Effect.sync(() => {
    const provider = ScriptedProvider.make("good", { answer: Answers.hangs("Rome") })
    const closed = Effect.gen(function* () {
      while (provider.abandoned.length === 0) yield* Effect.sleep("1 millis")
    })
    return { provider: changed(provider, change), closed }
  })

const changed = (provider: Provider, change: (prepared: Prepared) => Prepared): Provider => ({
  ...provider,
  prepare: (call) => Effect.map(provider.prepare(call), change)
})

const whole: ContractOptions = {
  subject: good,
  model: "m",
  calling: {
    subject: Effect.sync(() =>
      subjectOf(ScriptedProvider.make("good", { answer: calls({ name: "weather", arguments: { city: "Rome" } }) }))
    )
  },
  embedding: { model: "e" },
  endless: endless(),
  troubles: {
    "a limit": {
      subject: Effect.sync(() => ({
        provider: ScriptedProvider.make("good", { answer: Answers.fails(Answers.limited(1000, "good")) })
      })),
      expected: { _tag: "RateLimitError", reason: "provider_rate_limit" }
    }
  },
  secrets: ["hunter2"]
}

describe("a scripted provider", () => {
  for (const { effect, name } of providerContract(whole)) it.effect(name, () => effect)
})

/** The names of the cases that a provider does not keep to, and what it was told of each. */
const failed = Effect.fnUntraced(function* (options: Partial<ContractOptions>) {
  const found = new Map<string, string>()
  for (const { effect, name } of providerContract({ subject: good, model: "m", ...options })) {
    const exit = yield* Effect.exit(effect)
    if (Exit.isFailure(exit)) found.set(name, Cause.pretty(exit.cause))
  }
  return found
})

const answering = (...events: ReadonlyArray<ChatEvent>): Partial<ContractOptions> => ({
  subject: Effect.sync(() => subjectOf(ScriptedProvider.make("bad", { answer: tells(...events) })))
})

const preparing = (change: (prepared: Prepared) => Prepared): Partial<ContractOptions> => ({
  subject: Effect.map(good, ({ provider, requests }) => ({ provider: changed(provider, change), requests }))
})

const order = [
  "tells a streamed answer in order, from one Started at most to exactly one Finished",
  "tells an answer that is not streamed in the same order"
]

/** An answer that cannot be put together fails whatever looks at answers. */
const unfoldable = [
  ...order,
  "says the same, streamed or not",
  "gives as a whole what its events tell",
  "can send again what it has prepared, as a retry does",
  "counts tokens in whole numbers, none below zero and no part above its whole"
]

const trouble = (failure: Parameters<typeof Answers.fails>[0]): Partial<ContractOptions> => ({
  troubles: {
    "a fall": {
      subject: Effect.sync(() => ({ provider: ScriptedProvider.make("bad", { answer: Answers.fails(failure) }) })),
      stream: true,
      expected: { _tag: "ProviderError", reason: "provider_failed" }
    }
  },
  secrets: ["hunter2"]
})

const atFall = ["fails with provider_failed at a fall, streamed"]

const broken: ReadonlyArray<
  readonly [what: string, options: Partial<ContractOptions>, cases: ReadonlyArray<string>, said: RegExp]
> = [
  ["two Started", answering(started, started, text("Rome"), stop, finished()), unfoldable, /2 Started in one answer/],
  ["a Started that comes late", answering(text("Rome"), started, stop, finished()), unfoldable, /after TextDelta/],
  ["no Finished", answering(started, text("Rome"), stop), unfoldable, /0 Finished/],
  ["two Finished", answering(started, text("Rome"), stop, finished(), finished()), unfoldable, /2 Finished/],
  ["a Finished before the end", answering(started, text("Rome"), finished(), stop), unfoldable, /after Finished/],
  ["no ChoiceFinished", answering(started, text("Rome"), finished()), unfoldable, /no ChoiceFinished/],
  [
    "words after the end of the choice",
    answering(started, stop, text("Rome"), finished()),
    unfoldable,
    /TextDelta of choice 0 comes after its ChoiceFinished/
  ],
  ["no words", answering(started, stop, finished()), order, /not one choice with a text/],
  [
    "a usage below zero",
    answering(started, text("Rome"), stop, finished(used({ promptTokens: -1 }))),
    ["counts tokens in whole numbers, none below zero and no part above its whole"],
    /"promptTokens":-1/
  ],
  [
    "more cached tokens than there are",
    answering(started, text("Rome"), stop, finished(used({ promptTokens: 1, cachedTokens: 2 }))),
    ["counts tokens in whole numbers, none below zero and no part above its whole"],
    /"cachedTokens":2/
  ],
  [
    "a whole answer that says something else",
    preparing((prepared) => ({ ...prepared, whole: Stream.runCollect(says("Milan.")) })),
    ["says the same, streamed or not", "gives as a whole what its events tell"],
    /Two answers to one question differ/
  ],
  [
    "an answer that can be sent once only",
    preparing((prepared) => {
      let isSpent = false
      return {
        dropped: prepared.dropped,
        events: Stream.suspend(() => {
          if (isSpent) return Stream.empty
          isSpent = true
          return prepared.events
        })
      }
    }),
    ["can send again what it has prepared, as a retry does"],
    /0 Finished/
  ],
  [
    "a request that is sent while it is prepared",
    {
      subject: Effect.map(good, ({ provider }) => {
        let sent = 0
        const prepare: Provider["prepare"] = (call) => {
          sent++
          return provider.prepare(call)
        }
        return { provider: { ...provider, prepare }, requests: () => sent }
      })
    },
    [
      "sends nothing while it prepares, and prepares the same each time",
      "can send again what it has prepared, as a retry does"
    ],
    /requests before anybody pulled an answer/
  ],
  [
    "a request that is written into",
    {
      subject: Effect.map(good, ({ provider }) => ({
        provider: {
          ...provider,
          prepare: (call) =>
            Effect.suspend(() => {
              Object.assign(call.request, { model: "another" })
              return provider.prepare(call)
            })
        }
      }))
    },
    ["sends nothing while it prepares, and prepares the same each time", ...unfoldable],
    /The provider dies/
  ],
  [
    "a name with a slash",
    { subject: Effect.map(good, ({ provider }) => ({ provider: { ...provider, name: "a/b" } })) },
    ["has a name that can stand before the slash of a model's"],
    /"a\/b"/
  ],
  [
    "a model that is listed twice",
    {
      subject: Effect.sync(() => subjectOf(ScriptedProvider.make("bad", { answer: says("Rome."), models: ["m", "m"] })))
    },
    ["lists its models, each once"],
    /twice: m, m/
  ],
  [
    "arguments that are no JSON",
    {
      calling: {
        subject: Effect.sync(() => ({
          provider: ScriptedProvider.make("bad", {
            answer: tells(
              started,
              { _tag: "ToolCallDelta", choice: 0, call: 0, id: "1", name: "weather", arguments: "{city" },
              ended("tool_calls"),
              finished()
            )
          })
        }))
      }
    },
    ["calls a tool that it is offered, streamed", "calls a tool that it is offered, not streamed"],
    /no JSON: \{city/
  ],
  [
    "vectors in another order",
    {
      subject: Effect.sync(() => ({
        provider: ScriptedProvider.make("bad", {
          answer: says("Rome."),
          embed: ({ input }) => vectors({ input: input.toSorted() })
        })
      })),
      embedding: { model: "e" }
    },
    ["embeds each text, in the order of the texts"],
    /do not follow their texts/
  ],
  ["a failure of another kind", trouble(Answers.limited(1, "bad")), atFall, /RateLimitError/],
  [
    "a failure that tells a secret",
    trouble(Answers.failure("provider_failed", { provider: "bad", message: "The key hunter2 was refused" })),
    atFall,
    /tells a secret/
  ],
  [
    "a failure in another's name",
    trouble(Answers.failure("provider_failed", { provider: "good" })),
    atFall,
    /told of good/
  ],
  [
    "a caller who has left, and an answer that is read on",
    {
      patience: "50 millis",
      endless: endless((prepared) => ({
        ...prepared,
        events: Stream.fromEffectDrain(Effect.forkDetach(Stream.runDrain(prepared.events))).pipe(
          Stream.concat(tells(started, text("Rome"))),
          Stream.concat(Stream.never)
        )
      }))
    },
    ["lets go of the vendor when it is interrupted", "lets go of the vendor when nobody reads its answer to the end"],
    /It was not done within/
  ],
  [
    "an answer that cannot be interrupted",
    {
      patience: "50 millis",
      endless: endless((prepared) => ({
        ...prepared,
        events: Stream.concat(tells(started, text("Rome")), Stream.fromEffect(Effect.uninterruptible(Effect.never)))
      }))
    },
    ["lets go of the vendor when it is interrupted", "lets go of the vendor when nobody reads its answer to the end"],
    /It was not done within/
  ]
]

describe("a provider that is broken", () => {
  it.effect.each(broken)("fails the cases that are about it: %s", ([, options, cases, said]) =>
    Effect.gen(function* () {
      const found = yield* failed(options)
      assert.deepStrictEqual([...found.keys()], [...cases])
      assert.match([...found.values()].join("\n"), said)
    })
  )
})
