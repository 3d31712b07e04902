import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Latch } from "effect"
import { eventually } from "../support/Eventually.ts"
import { adminKey, gatewayAt } from "../support/Gateway.ts"
import { startProcess } from "../support/GatewayProcess.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import { completion } from "./faults.ts"

const messages = [{ role: "user", content: "Hello" }]

describe("xrouter.yaml", () => {
  it.live(
    "is read again when it changes and at SIGHUP: no request is dropped, and a wrong one is refused",
    () =>
      Effect.gen(function* () {
        const goOn = yield* Latch.make()
        const upstream = yield* Scripted.make(({ method, text }) => {
          if (method === "GET") return Scripted.json(200, { data: [{ id: "m" }, { id: "n" }] })
          const answer = Scripted.json(200, completion)
          return text.includes("wait for me") ? Scripted.steps(Scripted.wait(goOn), answer) : answer
        })
        const files = yield* FileSystem.FileSystem
        const path = `${yield* files.makeTempDirectoryScoped()}/router.yaml`
        const write = (models: string) => files.writeFileString(path, `models: { ${models} }`)
        const alias = (name: string, model: string) => `${name}: { candidates: [{ model: ${model} }] }`
        yield* write(alias("smart", "openai/m"))
        const process = yield* startProcess({
          DATABASE_URL: yield* freshDatabase,
          XROUTER_ADMIN_KEY: adminKey,
          XROUTER_JWT_SECRETS: `one:${Buffer.from("a secret of the tests, 32 bytes or more").toString("base64")}`,
          XROUTER_CONFIG: path,
          OPENAI_BASE_URL: upstream.url
        })
        const gateway = gatewayAt(process.url, adminKey)
        const key = yield* gateway.makeKey()
        const served = (model: string) =>
          Effect.map(gateway.chat(key, { model, messages }), ({ headers, status }) =>
            status === 200 ? headers.get("x-xrouter-model") : status
          )
        assert.deepStrictEqual([yield* served("smart"), yield* served("quick")], ["m", 404])

        const before = upstream.requests.length
        const waiting = yield* Effect.forkChild(
          gateway.chat(key, { model: "smart", messages: [{ role: "user", content: "wait for me" }] }),
          { startImmediately: true }
        )
        yield* eventually(Effect.sync(() => upstream.requests.length > before))

        // By itself.
        yield* write(alias("quick", "openai/n"))
        yield* eventually(Effect.map(served("quick"), (model) => model === "n"))
        assert.strictEqual(yield* served("smart"), 404)
        yield* goOn.open
        assert.strictEqual((yield* Fiber.join(waiting)).status, 200)

        // Refused, with its place; the one before stays.
        yield* write(alias("quick", "nobody/n"))
        yield* process.signal("SIGHUP")
        yield* eventually(Effect.sync(() => process.stdout().includes("is refused, what was read before stays")))
        assert.include(process.stdout(), "router.yaml:1 models.quick.candidates[0].model")
        assert.strictEqual(yield* served("quick"), "n")

        // At once, and more than once.
        for (const model of ["m", "n", "m"]) {
          yield* write(alias("quick", `openai/${model}`))
          yield* process.signal("SIGHUP")
          yield* eventually(Effect.map(served("quick"), (now) => now === model))
        }
        assert.strictEqual(yield* process.stop, 0)
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    60_000
  )
})
