import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Context, Effect, Layer } from "effect"
import { Settings } from "../config/Settings.ts"
import { draining, Health } from "./Health.ts"
import { lastWord } from "./LastWord.ts"
import { NodeServer } from "./NodeServer.ts"
import { OpenRequests } from "./OpenRequests.ts"

/** Done when whoever told us to stop will not wait for the answers that run. Never, where nobody says so. */
export const Haste = Context.Reference<Effect.Effect<void>>("xrouter/gateway/Haste", {
  defaultValue: () => Effect.never
})

/**
 * The end of the gateway, which begins when its scope closes:
 *
 * 1. From now on not ready, and every answer asks its client to close the connection; but requests are served for a grace, until every
 *    balancer has seen it.
 * 2. No new connections, and idle ones are closed. Running answers go on to their end.
 * 3. What is not at its end when the drain time is over, or somebody is in haste, is told so and broken off. Each is
 *    settled with what it has used, as any other.
 */
export const Draining = Layer.effectDiscard(
  Effect.gen(function* () {
    const { drainGrace, drainTimeout, publicUrl } = yield* Settings
    const health = yield* Health
    const requests = yield* OpenRequests
    const { closed, server } = yield* NodeServer
    const haste = yield* Haste
    const resourceMetadata = `${publicUrl}/.well-known/oauth-protected-resource/v1`

    const askToClose = () => {
      const ask = (response: ReturnType<typeof NodeHttpServerRequest.toServerResponse>) => {
        if (!response.headersSent) response.setHeader("connection", "close")
      }
      for (const { request } of requests.all()) ask(NodeHttpServerRequest.toServerResponse(request))
      server.prependListener("request", (_, response) => ask(response))
    }

    const breakOff = Effect.suspend(() => {
      const count = requests.size
      for (const { context, request } of requests.all()) lastWord(request, context, draining, resourceMetadata)
      return count === 0 ? Effect.void : Effect.logWarning(`Broke off ${answers(count)} that did not end in time`)
    })

    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* health.drain
        askToClose()
        yield* Effect.logInfo(`Told to stop: not ready from now on, ${answers(requests.size)} to finish`)
        yield* Effect.sleep(drainGrace).pipe(
          Effect.andThen(closed),
          Effect.timeoutOption(drainTimeout),
          Effect.raceFirst(haste)
        )
        yield* breakOff
      })
    )
  })
)

const answers = (count: number): string => (count === 1 ? "1 answer" : `${count} answers`)
