import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Scope } from "effect"
import { HttpServer } from "effect/http"
import type { IncomingMessage, Server, ServerResponse } from "node:http"

/** Serves one request at a time; two for a moment, where one that was answered has not quite ended. */
interface Handler {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  readonly release: () => void
}

/**
 * Gives each of the requests that are served at once a scope of its own. Effect's server has one for all, which keeps their fibers in a
 * map, and these hold their answers: under load the map is never empty, and one that changes with each request holds all that have passed
 * through it until V8 marks the old objects (`Roster`; decision 0023). There are as many scopes as there were ever requests at once.
 *
 * A request that waits to be told to go on (`Expect: 100-continue`) is still served by Effect's own: only that knows how to tell it.
 * The server has no other listeners for requests yet, and the application no middleware around it.
 */
export const withRequestScopes = (server: Server, inner: HttpServer.HttpServer["Service"]): typeof inner =>
  HttpServer.make({
    address: inner.address,
    serve: Effect.fnUntraced(function* (app, middleware) {
      if (middleware !== undefined) return yield* inner.serve(app, middleware)
      yield* inner.serve(app)
      const services = yield* Effect.context<never>()
      const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
      const free: Array<Handler> = []
      const make = (): Handler => {
        const own = Scope.forkUnsafe(scope, "parallel")
        const handle = Effect.runSyncWith(services)(NodeHttpServer.makeHandler(app, { scope: own }))
        const handler: Handler = { handle, release: () => void free.push(handler) }
        return handler
      }
      const listener = (request: IncomingMessage, response: ServerResponse) => {
        const { handle, release } = free.pop() ?? make()
        response.once("close", release)
        handle(request, response)
      }
      server.removeAllListeners("request").on("request", listener)
      yield* Effect.addFinalizer(() => Effect.sync(() => server.off("request", listener)))
    })
  })
