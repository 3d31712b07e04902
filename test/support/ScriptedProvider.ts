import { Effect, Layer, Stream } from "effect"
import type { ModelAlias, SettingsValue } from "../../src/config/Settings.ts"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import type { ProviderFailure } from "../../src/domain/Errors.ts"
import type { ChatCall, Provider, ProviderModel } from "../../src/providers/Provider.ts"
import { Catalog } from "../../src/router/Catalog.ts"
import { ProviderHealth } from "../../src/router/ProviderHealth.ts"
import { Providers } from "../../src/router/Providers.ts"
import { Router } from "../../src/router/Router.ts"
import { Conditions } from "../../src/router/Conditions.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { layerTestSettings } from "./TestSettings.ts"

/** A provider without a network, for what the router makes of providers. */
export interface ScriptedProvider extends Provider {
  /** Calls that were translated, whether they were sent or not. */
  readonly prepared: ReadonlyArray<ChatCall>
  /** Calls that were sent. */
  readonly sent: ReadonlyArray<ChatCall>
}

export type Answer = Stream.Stream<ChatEvent, ProviderFailure>

export interface Script {
  /** What it answers, or fails with. */
  readonly answer?: Answer
  /** What it refuses to translate a request with. */
  readonly refusal?: ProviderFailure
  readonly dropped?: ReadonlyArray<string>
  readonly models?: Provider["models"]
}

export const scripted = (name: string, script: Script = {}): ScriptedProvider => {
  const prepared: Array<ChatCall> = []
  const sent: Array<ChatCall> = []
  const answer = script.answer ?? says(`I am ${name}`)
  return {
    name,
    prepared,
    sent,
    models: script.models ?? Effect.succeed([]),
    prepare: (call) =>
      Effect.suspend(() => {
        prepared.push(call)
        if (script.refusal !== undefined) return Effect.fail(script.refusal)
        const events = Stream.suspend(() => {
          sent.push(call)
          return answer
        })
        return Effect.succeed({
          dropped: script.dropped ?? [],
          events,
          // As the real ones do: a whole answer where the request is not streamed.
          ...(call.request.stream === true ? {} : { whole: Stream.runCollect(events) })
        })
      })
  }
}

export const started: ChatEvent = { _tag: "Started" }
export const text = (text: string): ChatEvent => ({ _tag: "TextDelta", choice: 0, text })
export const stop: ChatEvent = { _tag: "ChoiceFinished", choice: 0, reason: "stop" }
export const finished: ChatEvent = { _tag: "Finished" }

/** One event at a time, as a network brings them. */
export const tells = (...events: ReadonlyArray<ChatEvent>): Answer => Stream.fromIterable(events, { chunkSize: 1 })

export const says = (words: string): Answer => tells(started, text(words), stop, finished)

export const listed = (...ids: ReadonlyArray<string>): ReadonlyArray<ProviderModel> =>
  ids.map((id) => ({ id, ownedBy: "vendor", created: 1_700_000_000 }))

/** An alias over these candidates, in order. */
export const alias = (candidates: ReadonlyArray<string>, more: Partial<ModelAlias> = {}): ModelAlias => ({
  candidates: candidates.map((model) => ({ model, weight: 1 })),
  fallbacks: [],
  strategy: "ordered",
  timeouts: {},
  price: undefined,
  ...more
})

/** The router and what it stands on, over these providers. */
export const layerRouting = (providers: ReadonlyArray<Provider>, settings: Partial<SettingsValue> = {}) =>
  Router.layer.pipe(
    Layer.provideMerge([Catalog.layer, ProviderHealth.layer, Conditions.layer]),
    Layer.provideMerge(Layer.succeed(Providers, new Map(providers.map((provider) => [provider.name, provider])))),
    Layer.provideMerge(Metrics.layer),
    Layer.provide(layerTestSettings(settings))
  )
