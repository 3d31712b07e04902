/**
 * Who may use how much is a policy, and policies are replaced: here every user has so many answers, whatever the key. The rest of the gateway
 * stays as it is. PostgreSQL is that of `DATABASE_URL`; without one it is embedded, in `./example-data`.
 */
import { Config, Console, Context, Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, HttpServer } from "effect/http"
import { ApiKeys, Gateway, type GatewayOptions, Limits, Providers, RateLimitError, unlimited, Users } from "xrouter"
import { XRouterClient } from "xrouter/client"
import * as Sandbox from "xrouter/providers/sandbox"

const answersOfAUser = 2

const ownLimits = Layer.sync(Limits, () => {
  const answers = new Map<string, number>()
  return Limits.of({
    admit: ({ onWindows, principal: { userId } }) =>
      Effect.suspend(() => {
        onWindows({}, false)
        const before = answers.get(userId) ?? 0
        if (before < answersOfAUser) {
          answers.set(userId, before + 1)
          return Effect.succeed(unlimited)
        }
        const message = `There are ${answersOfAUser} answers for each`
        return Effect.fail(new RateLimitError({ reason: "budget", message, retryAfterMillis: 86_400_000 }))
      }),
    admitModel: () => Effect.succeed(unlimited),
    standing: () => Effect.succeed({ limits: {}, windows: {} })
  })
})

const program = Effect.gen(function* () {
  const options: GatewayOptions = {
    port: 0,
    dataDir: "example-data",
    databaseUrl: yield* Config.withDefault(Config.Redacted("DATABASE_URL"), undefined),
    jwtSecrets: [{ kid: "2026", secret: Redacted.make(Buffer.alloc(32, "example").toString("base64")) }],
    logLevel: "error"
  }
  // What is provided nearer stands in place of what `services` has.
  const gateway = Gateway.layerServer(options).pipe(
    Layer.provide(ownLimits),
    Layer.provideMerge(Gateway.services(options)),
    Layer.provide(Providers.layer([Sandbox.make()]))
  )
  const context = yield* Layer.build(gateway)
  const { address } = Context.get(context, HttpServer.HttpServer)
  const baseUrl = address._tag === "UnixPathAddress" ? "" : `http://127.0.0.1:${address.port}`
  const user = yield* Context.get(context, Users).create({ email: `${crypto.randomUUID()}@example.org` })
  const { key } = yield* Context.get(context, ApiKeys).create({ userId: user.id, name: "example" })
  const client = yield* XRouterClient.make({ baseUrl, apiKey: key })

  const ask = client.chat.createChatCompletion({
    payload: { model: "sandbox/echo", messages: [{ role: "user", content: "Hello" }] }
  })
  for (let number = 1; number <= 3; number++) {
    yield* ask.pipe(
      Effect.matchEffect({
        onSuccess: () => Console.log(`${number}: answered`),
        onFailure: (error) => Console.log(`${number}: ${error.message}`)
      })
    )
  }
}).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

await Effect.runPromise(program)
