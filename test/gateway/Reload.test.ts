import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Latch } from "effect"
import { eventually } from "../support/Eventually.ts"
import { adminKey, gatewayAt } from "../support/Gateway.ts"
import { startProcess } from "../support/GatewayProcess.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import { chunk, completion } from "./faults.ts"

const messages = [{ role: "user", content: "Hello" }]

const alias = (name: string, model: string) => `${name}: { candidates: [{ model: ${model} }] }`

/** A gateway in a process of its own, over a file that may be written anew. */
const startOver = Effect.fnUntraced(function* (first: string, environment: Readonly<Record<string, string>> = {}) {
  const files = yield* FileSystem.FileSystem
  const folder = yield* files.makeTempDirectoryScoped()
  const path = `${folder}/router.yaml`
  const write = (text: string) => files.writeFileString(path, text)
  yield* write(first)
  const process = yield* startProcess({
    DATABASE_URL: yield* freshDatabase,
    XROUTER_ADMIN_KEY: adminKey,
    XROUTER_JWT_SECRETS: `one:${Buffer.from("a secret of the tests, 32 bytes or more").toString("base64")}`,
    XROUTER_CONFIG: path,
    ...environment
  })
  const gateway = gatewayAt(process.url, adminKey)
  const key = yield* gateway.makeKey()
  const says = (words: string) => Effect.sync(() => process.stdout().includes(words))
  return { folder, gateway, key, process, says, write }
})

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
        const models = (...aliases: ReadonlyArray<string>) => `models: { ${aliases.join()} }`
        const { gateway, key, process, says, write } = yield* startOver(models(alias("smart", "openai/m")), {
          OPENAI_BASE_URL: upstream.url
        })
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
        yield* write(models(alias("quick", "openai/n")))
        yield* eventually(Effect.map(served("quick"), (model) => model === "n"))
        assert.strictEqual(yield* served("smart"), 404)
        yield* goOn.open
        assert.strictEqual((yield* Fiber.join(waiting)).status, 200)

        // Refused, with its place; the one before stays.
        yield* write(models(alias("quick", "nobody/n")))
        yield* process.signal("SIGHUP")
        yield* eventually(says("is refused, what was read before stays"))
        assert.include(process.stdout(), "router.yaml:1 models.quick.candidates[0].model")
        assert.strictEqual(yield* served("quick"), "n")

        // At once, and more than once.
        for (const model of ["m", "n", "m"]) {
          yield* write(models(alias("quick", `openai/${model}`)))
          yield* process.signal("SIGHUP")
          yield* eventually(Effect.map(served("quick"), (now) => now === model))
        }
        assert.strictEqual(yield* process.stop, 0)
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    60_000
  )

  it.live(
    "may bring other providers: under load nobody is dropped, and streams end where they began",
    () =>
      Effect.gen(function* () {
        const goOn = yield* Latch.make()
        const upstream = (name: string) =>
          Scripted.make(({ method, text }) => {
            if (method === "GET") return Scripted.json(200, { data: [{ id: "m" }] })
            if (!text.includes("wait for me")) {
              return Scripted.json(200, {
                ...completion,
                choices: [{ index: 0, message: { role: "assistant", content: name }, finish_reason: "stop" }]
              })
            }
            return Scripted.steps(
              Scripted.sseHead,
              Scripted.frame(chunk({ role: "assistant", content: `${name} begins` })),
              Scripted.wait(goOn),
              Scripted.frame(chunk({ content: ` and ${name} ends` }, "stop")),
              Scripted.frame("[DONE]"),
              Scripted.end
            )
          })
        const [one, two] = yield* Effect.all([upstream("one"), upstream("two")])
        const provider = (name: string, baseUrl: string, more = "") =>
          `${name}: { kind: openai, apiKey: k, baseUrl: ${baseUrl}${more} }`
        const file = (providers: ReadonlyArray<string>, ...aliases: ReadonlyArray<string>) =>
          `providers: { ${providers.join()} }\nmodels: { ${aliases.join()} }\n`
        const { folder, gateway, key, process, says, write } = yield* startOver(
          file([provider("mine", one.url)], alias("steady", "mine/m"))
        )
        const chat = (model: string) => gateway.chat(key, { model, messages })
        /** Who answers, or the status where nobody does. */
        const served = (model: string) =>
          Effect.map(chat(model), ({ json, status }) =>
            status === 200 ? json.choices[0].message.content : `${status} ${json.error.details.reason}`
          )

        const statuses = new Map<number, number>()
        const load = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 4 }, () =>
              Effect.forever(
                Effect.map(chat("steady"), ({ status }) => void statuses.set(status, (statuses.get(status) ?? 0) + 1))
              )
            ),
            { concurrency: "unbounded" }
          ),
          { startImmediately: true }
        )
        const waiting = { model: "steady", stream: true, messages: [{ role: "user", content: "wait for me" }] }
        const streams = yield* Effect.forEach(Array(10), () =>
          Effect.forkChild(gateway.chat(key, waiting), { startImmediately: true })
        )
        const begun = Effect.sync(() => one.requests.filter(({ text }) => text.includes("wait for me")).length === 10)
        yield* eventually(begun)

        // Another address: for those who come from now on.
        yield* write(file([provider("mine", two.url)], alias("steady", "mine/m")))
        yield* process.signal("SIGHUP")
        yield* eventually(says("router.yaml was read again: providers, models, tiers and limits are as it says now"))
        assert.include(process.stdout(), "made anew: mine")
        assert.strictEqual(yield* served("mine/m"), "two")
        // What was on its way has arrived by now.
        for (let call = 0; call < 5; call++) yield* served("steady")
        const asked = one.requests.length
        for (let call = 0; call < 5; call++) assert.strictEqual(yield* served("steady"), "two")
        assert.strictEqual(one.requests.length, asked)
        assert.isAtLeast(one.open(), 10)

        // Another name, and the public one leads there at the same moment. Nobody sends a signal.
        yield* write(file([provider("yours", two.url)], alias("steady", "yours/m")))
        yield* eventually(Effect.map(served("mine/m"), (answer) => answer === "404 model_not_found"))
        assert.strictEqual(yield* served("yours/m"), "two")
        yield* eventually(says("new: yours; removed: mine"))
        const states = yield* gateway.request("/health/providers")
        assert.deepStrictEqual(states.json, { yours: { status: "up" } })
        const bearer = { headers: { authorization: `Bearer ${key}` } }
        const told = yield* gateway.request("/v1/providers/status", bearer)
        assert.deepStrictEqual(
          told.json.data.map(({ circuit, provider }: { circuit: string; provider: string }) => [provider, circuit]),
          [["yours", "closed"]]
        )
        const listed = yield* gateway.request("/v1/models", bearer)
        assert.deepStrictEqual(
          listed.json.data.map(({ id }: { id: string }) => id),
          ["steady", "yours/m"]
        )
        const metrics = yield* gateway.request("/metrics")
        assert.match(metrics.text, /xrouter_requests_total\{provider="yours",model="yours\/m"\} \d/)

        // Nothing was taken from those who listen to the first one, and it goes when they have.
        assert.isFalse(yield* says("Closed what mine"))
        assert.isAtLeast(one.open(), 10)
        yield* goOn.open
        for (const { status, text } of yield* Effect.forEach(streams, Fiber.join)) {
          assert.strictEqual(status, 200)
          assert.include(text, "one begins")
          assert.include(text, " and one ends")
          assert.isTrue(text.endsWith("data: [DONE]\n\n"), text)
        }
        yield* eventually(says("Closed what mine had been before"))
        yield* eventually(Effect.sync(() => one.open() === 0))

        // What cannot be made is refused, and nothing else of its file counts.
        const files = yield* FileSystem.FileSystem
        yield* files.writeFileString(`${folder}/empty.pem`, "no certificate")
        const secret = (name: string) =>
          provider("inner", "https://127.0.0.1:1/v1", `, caBundleFile: ${folder}/${name}.pem`)
        const refusals = [
          ["empty", "providers.inner: The CA bundle of provider inner holds no readable PEM certificate"],
          ["missing", "router.yaml:1 providers.inner.caBundleFile: Expected a file that can be read: NotFound"]
        ] as const
        for (const [name, words] of refusals) {
          yield* write(file([provider("yours", one.url), secret(name)], alias("quick", "inner/m")))
          yield* process.signal("SIGHUP")
          yield* eventually(says(words))
          assert.strictEqual(yield* served("quick"), "404 model_not_found")
          assert.strictEqual(yield* served("yours/m"), "two")
        }

        yield* Fiber.interrupt(load)
        assert.deepStrictEqual([...statuses.keys()], [200])
        assert.isAbove(statuses.get(200) ?? 0, 50)
        assert.strictEqual(yield* process.stop, 0)
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    60_000
  )
})
