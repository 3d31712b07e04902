import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, Layer, Result, Stream } from "effect"
import type { OpenAiSettings, ProviderSettings, SettingsValue } from "../../src/config/Settings.ts"
import { Settings } from "../../src/config/Settings.ts"
import { UpstreamOptionsError } from "../../src/providers/UpstreamOptions.ts"
import { Catalog } from "../../src/router/Catalog.ts"
import { Conditions } from "../../src/router/Conditions.ts"
import { ProviderChanges } from "../../src/router/ProviderChanges.ts"
import { ProviderHealth } from "../../src/router/ProviderHealth.ts"
import { Providers } from "../../src/router/Providers.ts"
import * as Reloadable from "../../src/router/ReloadableProviders.ts"
import { Router } from "../../src/router/Router.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { alias, type Script, scripted, tells, text } from "../support/ScriptedProvider.ts"
import { testSettings } from "../support/TestSettings.ts"
import { openAiSettings } from "../support/Upstreams.ts"
import { open, quiet, restOf, textOf } from "./asking.ts"

/** At a port of the loopback, where nobody is; that is what its provider is known by. */
const at = (port: number, more: Partial<OpenAiSettings> = {}): OpenAiSettings => ({
  ...openAiSettings(`http://127.0.0.1:${port}`),
  ...more
})
const portOf = (settings: ProviderSettings) => (settings.kind === "openai" ? new URL(settings.baseUrl).port : "")

/** Providers that say `name:port`, and tell when they are made and closed. One at port 0 cannot be made. */
const made = Effect.fnUntraced(function* (
  initial: Readonly<Record<string, ProviderSettings>>,
  script: (name: string, port: string) => Script = () => ({})
) {
  const told: Array<string> = []
  const reloadable = yield* Reloadable.make(new Map(Object.entries(initial)), (name, settings) =>
    Effect.gen(function* () {
      const port = portOf(settings)
      if (port === "0") return yield* new UpstreamOptionsError({ provider: name, message: `${name} has a bad port` })
      yield* Effect.acquireRelease(
        Effect.sync(() => void told.push(`made ${name}:${port}`)),
        () => Effect.sync(() => void told.push(`closed ${name}:${port}`))
      )
      return scripted(name, { answer: tells(text(`${name}:${port}`)), models: ["m"], ...script(name, port) })
    })
  )
  const update = (next: Readonly<Record<string, ProviderSettings>>) => reloadable.update(new Map(Object.entries(next)))
  /** Takes what has happened since. */
  const news = () => told.splice(0)
  return { ...reloadable, news, update }
})

describe("the providers of a configuration that is read again", () => {
  it.effect("are kept where they are reached as before, made anew where not, and closed only when told to", () =>
    Effect.gen(function* () {
      const { changes, news, providers, update } = yield* made({ kept: at(1), changed: at(2), removed: at(3) })
      assert.deepStrictEqual(news(), ["made kept:1", "made changed:2", "made removed:3"])
      const before = new Map(providers)
      const heard: Array<string> = []
      changes.follow(({ made, retired }) => {
        assert.isTrue(made.every((provider) => providers.get(provider.name) === provider))
        heard.push(...made.map(({ name }) => `made ${name}`), ...retired.map(({ name }) => `retired ${name}`))
      })

      const { apply, close, difference } = yield* update({
        added: at(4),
        changed: at(5),
        kept: at(1, { concurrency: 7 })
      })
      assert.deepStrictEqual(difference, {
        kept: ["kept"],
        added: ["added"],
        changed: ["changed"],
        removed: ["removed"]
      })
      assert.deepStrictEqual(news(), ["made added:4", "made changed:5"])
      assert.deepStrictEqual([...providers], [...before])

      apply()
      assert.deepStrictEqual([...providers.keys()], ["added", "changed", "kept"])
      assert.strictEqual(providers.get("kept"), before.get("kept"))
      assert.notStrictEqual(providers.get("changed"), before.get("changed"))
      assert.deepStrictEqual(heard, ["made added", "made changed", "retired changed", "retired removed"])
      assert.deepStrictEqual(news(), [])
      yield* close
      assert.deepStrictEqual(news().sort(), ["closed changed:2", "closed removed:3"])
    }).pipe(Effect.scoped)
  )

  it.effect("are refused with all that cannot be made, and what could be is closed again", () =>
    Effect.gen(function* () {
      const { news, providers, update } = yield* made({ a: at(1) })
      const before = new Map(providers)
      news()
      const { faults } = yield* Effect.flip(update({ a: at(0), b: at(2), c: at(0) }))
      assert.deepStrictEqual(
        faults.map(({ at, message }) => `${at}: ${message}`),
        ["providers.a: a has a bad port", "providers.c: c has a bad port"]
      )
      assert.deepStrictEqual(news(), ["made b:2", "closed b:2"])
      assert.deepStrictEqual([...providers], [...before])
      // The next one goes by what is in use, not by what was refused.
      const { difference } = yield* update({ a: at(1), b: at(2) })
      assert.deepStrictEqual([difference.kept, difference.added], [["a"], ["b"]])
    }).pipe(Effect.scoped)
  )

  it.effect("are all closed in the end", () =>
    Effect.gen(function* () {
      const news = yield* Effect.scoped(
        Effect.gen(function* () {
          const { news, update } = yield* made({ a: at(1), b: at(2) })
          const { apply } = yield* update({ a: at(3), c: at(4) })
          apply()
          news()
          return news
        })
      )
      assert.deepStrictEqual(news().sort(), ["closed a:1", "closed a:3", "closed b:2", "closed c:4"])
    })
  )
})

/** The router over such providers, with an alias `smart` over these models, and the way to another configuration. */
const routing = Effect.fnUntraced(function* (
  initial: Readonly<Record<string, ProviderSettings>>,
  smart: ReadonlyArray<string>,
  script?: (name: string, port: string) => Script
) {
  const { changes, providers, update } = yield* made(initial, script)
  const structures = (own: typeof initial, models: typeof smart) => ({
    providers: new Map(Object.entries(own)),
    models: new Map([["smart", alias(models)]])
  })
  let current: Pick<SettingsValue, "providers" | "models"> = structures(initial, smart)
  const settings: SettingsValue = {
    ...testSettings(),
    get providers() {
      return current.providers
    },
    get models() {
      return current.models
    }
  }
  const services = yield* Layer.build(
    Router.layerRouting.pipe(
      Layer.provideMerge([Layer.succeed(Providers, providers), Layer.succeed(ProviderChanges, changes), Metrics.layer]),
      Layer.provide(Layer.succeed(Settings, settings))
    )
  )
  const reload = Effect.fnUntraced(function* (own: typeof initial, models: typeof smart) {
    const { apply } = yield* update(own)
    current = structures(own, models)
    apply()
  })
  const whole = (model: string) =>
    open(model, false).pipe(
      Effect.map(({ first }) => textOf(first)),
      Effect.provideContext(services),
      quiet
    )
  return { providers, reload, services, whole }
})

describe("a router whose configuration is read again", () => {
  it.effect("resolves names and aliases to the providers of now, and a plan of before goes its own way", () =>
    Effect.gen(function* () {
      const { reload, services, whole } = yield* routing({ a: at(1), b: at(2) }, ["a/m"])
      const { list, resolve } = Context.get(services, Catalog)
      assert.strictEqual(yield* whole("smart"), "a:1")
      const old = resolve("smart")
      yield* reload({ a: at(3), c: at(4) }, ["c/m", "a/m"])
      assert.deepStrictEqual([yield* whole("smart"), yield* whole("a/m"), yield* whole("c/m")], ["c:4", "a:3", "c:4"])
      assert.isTrue(Result.isFailure(resolve("b/m")))
      assert.deepStrictEqual(
        (yield* list).map(({ id }) => id),
        ["smart", "a/m", "c/m"]
      )
      const { plan } = Context.get(services, Router)
      const { open } = yield* plan({
        requestId: "req_1",
        request: { model: "smart", messages: [] },
        resolution: Result.getOrThrow(old)
      })
      assert.strictEqual(textOf((yield* open).first), "a:1")
    }).pipe(Effect.scoped)
  )

  it.effect("begins with a clean sheet for whom is made anew, and keeps what it knows of the others", () =>
    Effect.gen(function* () {
      const { providers, reload, services } = yield* routing({ a: at(1), b: at(2) }, ["a/m"])
      const conditions = Context.get(services, Conditions)
      const health = Context.get(services, ProviderHealth)
      const { render } = Context.get(services, Metrics)
      const openAll = Effect.forEach(["a", "b"], (name) => {
        const provider = providers.get(name)
        return provider === undefined
          ? Effect.die(name)
          : Effect.sync(() => {
              for (let i = 0; i < 10; i++) conditions.of(provider, "m").circuit.fail(0)
              conditions.changed(provider, "m", 0)
              for (let i = 0; i < 3; i++) health.failed(provider)
            })
      })
      yield* openAll
      const old = providers.get("a")
      const states = () => ["a", "b", "c"].map((name) => [health.status().get(name), conditions.circuit(name, 0)])
      assert.deepStrictEqual(states(), [
        ["down", "open"],
        ["down", "open"],
        [undefined, "closed"]
      ])

      yield* reload({ a: at(3), b: at(2, { circuit: { failures: 2 } }), c: at(4) }, ["c/m"])
      assert.deepStrictEqual(states(), [
        ["up", "closed"],
        ["down", "open"],
        ["up", "closed"]
      ])
      assert.include(yield* render, 'xrouter_circuit_open{provider="a"} 0')
      assert.include(yield* render, 'xrouter_circuit_open{provider="b"} 1')

      // What becomes of the calls of before says nothing of the new one.
      if (old !== undefined) {
        health.failed(old)
        for (let i = 0; i < 10; i++) conditions.of(old, "m").circuit.fail(0)
        conditions.changed(old, "m", 0)
      }
      assert.deepStrictEqual(states()[0], ["up", "closed"])
      assert.include(yield* render, 'xrouter_circuit_open{provider="a"} 0')

      // The rules of a circuit are the new ones, also for who was known.
      const b = providers.get("b")
      const circuit = b && conditions.of(b, "m").circuit
      circuit?.succeed()
      assert.deepStrictEqual([circuit?.fail(1), circuit?.fail(1)], [false, true])

      yield* reload({ c: at(4) }, ["c/m"])
      assert.deepStrictEqual([...health.status().keys()], ["c"])
      assert.include(yield* render, 'xrouter_circuit_open{provider="b"} 0')
    }).pipe(Effect.scoped)
  )

  it.effect("counts calls of before among a provider's places, and lets in as many as are said now", () =>
    Effect.gen(function* () {
      const goOn = yield* Latch.make()
      const slow = (name: string, port: string) => ({
        answer: tells(text(`${name}:${port}`)).pipe(Stream.concat(Stream.fromEffectDrain(goOn.await)))
      })
      const one = { concurrency: 1 }
      const { reload, services } = yield* routing({ a: at(1, one) }, ["a/m"], slow)
      const begun: Array<string> = []
      const call = Effect.forkChild(
        Effect.scoped(
          Effect.gen(function* () {
            const reply = yield* open("a/m")
            begun.push(textOf(reply.first))
            return yield* restOf(reply)
          })
        ).pipe(Effect.provideContext(services), quiet),
        { startImmediately: true }
      )
      const calls = [yield* call, yield* call]
      assert.deepStrictEqual(begun, ["a:1"])
      // Elsewhere, with the same one place: it is taken still.
      yield* reload({ a: at(2, one) }, ["a/m"])
      calls.push(yield* call)
      assert.deepStrictEqual(begun, ["a:1"])
      // One more: for the first who waits, where it wanted to go.
      yield* reload({ a: at(2, { concurrency: 2 }) }, ["a/m"])
      yield* Effect.yieldNow
      assert.deepStrictEqual(begun, ["a:1", "a:1"])
      yield* goOn.open
      yield* Effect.forEach(calls, Fiber.join)
      assert.deepStrictEqual(begun, ["a:1", "a:1", "a:2"])
    }).pipe(Effect.scoped)
  )
})
