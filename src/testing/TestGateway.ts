import { Context, Effect, Layer, References, type Scope } from "effect"
import { HttpServer } from "effect/http"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import type { CallRecord } from "../ledger/CallRecord.ts"
import { Providers, type ProviderSource } from "../router/Providers.ts"
import type { ServicesOptions } from "./InMemory.ts"
import { type KeyOptions, type MadeKey, MemoryKeys } from "./MemoryKeys.ts"
import { Calls } from "./MemoryLedger.ts"

/** All of it optional but the providers. */
export interface TestGatewayOptions<E = never> extends ServicesOptions {
  /** Scripted ones, real ones before a test's own upstream, or the sandbox. */
  readonly providers: Iterable<ProviderSource<E, Scope.Scope>>
  /** What the first key may do; everything unless given. */
  readonly key?: KeyOptions | undefined
}

/** A running gateway, as its clients see it, and what only a test can ask of it. */
export interface TestGateway {
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** For an SDK: with `/v1`. */
  readonly baseUrl: string
  /** A key that is known to it, and worth nothing elsewhere. */
  readonly key: string
  readonly makeKey: (options?: KeyOptions) => Effect.Effect<MadeKey>
  /** What calls used so far, in the order in which they began; the last 10,000. */
  readonly calls: Effect.Effect<ReadonlyArray<CallRecord>>
}

/**
 * Starts a whole gateway on a free port of the loopback, with everything in memory: keys, limits, ledger. It is there in a
 * fraction of a second, has one key, and is gone when the scope closes, which waits for no answer. The admin API is off; what
 * else needs a database (OAuth, calls of former days) answers 503, as in an outage.
 *
 * It lives by the test's clock: what is counted by the minute starts anew when the test turns it. Nothing is shared with another one.
 */
export const start = Effect.fnUntraced(function* <E = never>({
  key,
  providers,
  ...options
}: TestGatewayOptions<E>): Effect.fn.Return<TestGateway, E, Scope.Scope> {
  const { server } = yield* Effect.promise(() => import("../EmbeddedGateway.ts"))
  const { services } = yield* Effect.promise(() => import("./MemoryServices.ts"))
  const context = yield* Layer.build(
    // There is always a free port.
    Layer.orDie(server).pipe(
      Layer.provideMerge(services),
      Layer.provide(Providers.layer<E, Scope.Scope>(providers)),
      Layer.provide(layerOptions({ ...options, ...fixed })),
      // That it begins and ends is no news to its test.
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "Warn"))
    )
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  if (address._tag === "UnixPathAddress") return yield* Effect.die("The gateway does not listen on a port")
  const keys = Context.get(context, MemoryKeys)
  const url = `http://127.0.0.1:${address.port}`
  return {
    url,
    baseUrl: `${url}/v1`,
    key: (yield* keys.make(key)).key,
    makeKey: keys.make,
    calls: Context.get(context, Calls).all
  }
})

/** A free port, and an end that waits for nobody. */
const fixed: LayerOptions = { host: "127.0.0.1", port: 0, drainTimeout: 0 }
