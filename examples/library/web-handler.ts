/**
 * The gateway where a runtime gives a `Request` and wants a `Response`: a route of Next.js, Hono or the like, on Node. Nothing listens.
 * PostgreSQL is that of `DATABASE_URL`; without one it is embedded, in `./example-data`.
 */
import { Effect, Layer, Redacted } from "effect"
import { ApiKeys, Gateway, type GatewayOptions, Providers, Users } from "xrouter"
import * as Sandbox from "xrouter/providers/sandbox"

const databaseUrl = process.env["DATABASE_URL"]
const options: GatewayOptions = {
  dataDir: "example-data",
  databaseUrl: databaseUrl === undefined ? undefined : Redacted.make(databaseUrl),
  jwtSecrets: [{ kid: "2026", secret: Redacted.make(Buffer.alloc(32, "example").toString("base64")) }],
  logLevel: "error"
}

const services = Gateway.services(options).pipe(Layer.provide(Providers.layer([Sandbox.make()])))
const { dispose, handler, run } = Gateway.toWebHandler(services, options)

const key = await run(
  Effect.gen(function* () {
    const user = yield* (yield* Users).create({ email: `${crypto.randomUUID()}@example.org` })
    return (yield* (yield* ApiKeys).create({ userId: user.id, name: "example" })).key
  })
)

const response = await handler(
  new Request("https://example.org/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${Redacted.value(key)}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "sandbox/echo", stream: true, messages: [{ role: "user", content: "Hello" }] })
  })
)
process.stdout.write(`${response.status} ${response.headers.get("content-type")}\n`)
let frames = 0
for await (const chunk of response.body ?? []) frames += new TextDecoder().decode(chunk).split("\n\n").length - 1
process.stdout.write(frames > 3 ? "streamed\n" : "not streamed\n")
await dispose()
