/**
 * The gateway below `/llm` of an application that has routes of its own. Needs `@effect/platform-node`, since the server is the
 * application's. PostgreSQL is that of `DATABASE_URL`; without one it is embedded, in `./example-data`.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Config, Console, Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { ApiKeys, Gateway, type GatewayOptions, Providers, Users } from "xrouter"
import { XRouterClient } from "xrouter/client"
import * as Sandbox from "xrouter/providers/sandbox"

const program = Effect.gen(function* () {
  const options: GatewayOptions = {
    dataDir: "example-data",
    databaseUrl: yield* Config.withDefault(Config.Redacted("DATABASE_URL"), undefined),
    jwtSecrets: [{ kid: "2026", secret: Redacted.make(Buffer.alloc(32, "example").toString("base64")) }],
    logLevel: "error"
  }
  const services = Gateway.services(options).pipe(Layer.provide(Providers.layer([Sandbox.make()])))
  const ours = HttpRouter.add("GET", "/", HttpServerResponse.text("The application's own page"))
  const application = HttpRouter.serve(Layer.merge(ours, Gateway.layerMounted({ ...options, prefix: "/llm" })), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(Layer.provideMerge(services), Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0 })))

  yield* Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer
    const url = address._tag === "UnixPathAddress" ? "" : `http://127.0.0.1:${address.port}`
    const user = yield* (yield* Users).create({ email: `${crypto.randomUUID()}@example.org` })
    const { key } = yield* (yield* ApiKeys).create({ userId: user.id, name: "example" })

    yield* Console.log(yield* Effect.promise(() => fetch(url).then((page) => page.text())))
    const client = yield* XRouterClient.make({ baseUrl: `${url}/llm`, apiKey: key })
    const { data } = yield* client.models.listModels({ query: {} })
    yield* Console.log(`The gateway has ${data.map(({ id }) => id).join(", ")}`)
  }).pipe(Effect.provide([application, FetchHttpClient.layer]))
})

await Effect.runPromise(program)
