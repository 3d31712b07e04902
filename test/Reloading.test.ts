import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, FileSystem, Layer, References } from "effect"
import { HttpServerRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { ConfigError } from "../src/config/Faults.ts"
import { Reload } from "../src/config/Reload.ts"
import { Settings } from "../src/config/Settings.ts"
import { OpenRequests } from "../src/gateway/OpenRequests.ts"
import { RequestContext } from "../src/gateway/RequestContext.ts"
import { Reloading } from "../src/Reloading.ts"
import { differenceOf } from "../src/router/ProviderDifference.ts"
import { ReloadableProviders } from "../src/router/ReloadableProviders.ts"
import { filesOf } from "./config/reading.ts"
import { testSettings } from "./support/TestSettings.ts"
import { openAiSettings } from "./support/Upstreams.ts"

const providersAt = (port: number) =>
  new Map([["mine", { ...openAiSettings(`http://127.0.0.1:${port}`), timeouts: { total: Duration.minutes(20) } }]])

const request = () => {
  const context = new RequestContext({
    requestId: "req_1",
    method: "POST",
    path: "/v1/chat/completions",
    route: "/v1/chat/completions",
    ip: "127.0.0.1",
    arrivedAt: 0
  })
  return { context, request: HttpServerRequest.fromWeb(new Request("http://127.0.0.1/")) }
}

/** A file whose text is its provider's port, `bad` where it is none; what is done about it is told. */
const start = Effect.gen(function* () {
  const files: Record<string, string> = { "xrouter.yaml": "1" }
  const told: Array<string> = []
  let settings = testSettings({ providers: providersAt(1) })
  const read = Effect.suspend(() => {
    const text = files["xrouter.yaml"] ?? ""
    if (text === "bad") return Effect.fail(new ConfigError({ faults: [{ at: "xrouter.yaml", message: "is bad" }] }))
    const { modelLimits, models, tiers } = settings
    const providers = providersAt(Number(text))
    const apply = () => {
      settings = testSettings({ providers })
      told.push(`settings ${text}`)
    }
    return Effect.succeed({ providers, models, tiers, modelLimits, apply })
  })
  const update: ReloadableProviders["Service"]["update"] = (next) =>
    Effect.sync(() => ({
      difference: differenceOf(settings.providers, next),
      apply: () => void told.push("providers"),
      close: Effect.sync(() => void told.push("closed"))
    }))
  const context = yield* Layer.build(
    Reloading.pipe(
      Layer.provideMerge(OpenRequests.layer),
      Layer.provide([
        Layer.succeed(Reload, { file: "xrouter.yaml", read }),
        Layer.sync(Settings, () => settings),
        Layer.succeed(ReloadableProviders, { update }),
        Layer.succeed(FileSystem.FileSystem, filesOf(files))
      ])
    )
  )
  const write = (text: string) => Effect.sync(() => void (files["xrouter.yaml"] = text))
  return { news: () => told.splice(0), requests: Context.get(context, OpenRequests), write }
}).pipe(Effect.provideService(References.MinimumLogLevel, "None"))

describe("a file that changes", () => {
  it.effect("counts once it has been the same for a second, and what is wrong changes nothing", () =>
    Effect.gen(function* () {
      const { news, write } = yield* start
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(news(), [])
      yield* write("2")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(news(), [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(news(), ["settings 2", "providers", "closed"])
      yield* write("bad")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(news(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("closes what a provider was when the requests of that moment have ended, whoever comes later", () =>
    Effect.gen(function* () {
      const { news, requests, write } = yield* start
      const running = [requests.enter(request()), requests.enter(request())]
      yield* write("2")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(news(), ["settings 2", "providers"])
      requests.enter(request())
      for (const place of running) {
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(news(), [])
        requests.leave(place)
      }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(news(), ["closed"])
    }).pipe(Effect.scoped)
  )

  it.effect("closes it after the longest time that a request may take, whatever still runs", () =>
    Effect.gen(function* () {
      const { news, requests, write } = yield* start
      requests.enter(request())
      yield* write("2")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(news(), ["settings 2", "providers"])
      yield* TestClock.adjust("1190 seconds")
      assert.deepStrictEqual(news(), [])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(news(), ["closed"])
    }).pipe(Effect.scoped)
  )
})
