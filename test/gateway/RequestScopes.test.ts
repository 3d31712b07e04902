import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { runChild } from "../support/Child.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/**
 * A server that answers 1680 requests, some at once, each with an answer that holds 64 KB, beside one that is never answered. Of what V8
 * tells: how much of all that was made became old.
 */
const agedShare = Effect.fnUntraced(function* (serverOf: string) {
  const script = `
    import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
    import { Effect, Scope } from "effect"
    import { HttpServerRequest, HttpServerResponse } from "effect/http"
    import { Agent, createServer, request } from "node:http"
    import { once } from "node:events"
    import { collectForRequests } from "./src/GarbageCollection.ts"
    import { withRequestScopes } from "./src/gateway/RequestScopes.ts"
    const app = Effect.gen(function* () {
      const asked = yield* HttpServerRequest.HttpServerRequest
      if (asked.url === "/never") return yield* Effect.never
      yield* Effect.sleep(1)
      const answer = HttpServerResponse.text("done")
      answer.luggage = new Array(8000).fill(0)
      return answer
    })
    const server = createServer()
    const scope = Scope.makeUnsafe()
    const own = await Effect.runPromise(Scope.provide(
      NodeHttpServer.make(() => server, { port: 0, host: "127.0.0.1", disablePreemptiveShutdown: true }), scope))
    await Effect.runPromise(Scope.provide((${serverOf}).serve(app), scope))
    collectForRequests()
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const get = async (path) => {
      const asking = request({ host: "127.0.0.1", port: server.address().port, path, agent }).end()
      const [answer] = await once(asking, "response")
      let text = ""
      for await (const piece of answer) text += piece
      if (text !== "done") throw new Error(text)
    }
    request({ host: "127.0.0.1", port: server.address().port, path: "/never", agent }).on("error", () => {}).end()
    const clients = (count) => Promise.all(Array.from({ length: 8 }, async () => {
      for (let done = 0; done < count; done++) await get("/")
    }))
    const many = clients(200)
    await clients(10)
    // Makes the table old that the map has now.
    gc()
    await many
    process.stdout.write("served\\n", () => process.exit())`
  const { code, err, out } = yield* runChild(
    process.execPath,
    ["--expose-gc", "--trace-gc-nvp", "--max-semi-space-size=8", "--no-opt", "--input-type=module", "--eval", script],
    { cwd: root, environment: {} }
  )
  assert.strictEqual(code, 0, err)
  assert.match(out, /^served$/m)
  const sum = (form: RegExp) => Array.from(out.matchAll(form)).reduce((total, [, told]) => total + Number(told), 0)
  const made = sum(/ gc=s .* allocated=(\d+)/g)
  assert.isAbove(made, 90_000_000)
  return sum(/ gc=s .* promoted=(\d+) /g) / made
})

describe("requests that are served beside others", () => {
  it.effect(
    "leave nothing behind among the old objects",
    () => Effect.map(agedShare("withRequestScopes(server, own)"), (share) => assert.isBelow(share, 0.15)),
    60_000
  )

  it.effect(
    "become old with what they answered where they share one scope, so that the trace would tell",
    () => Effect.map(agedShare("own"), (share) => assert.isAbove(share, 0.25)),
    60_000
  )
})
