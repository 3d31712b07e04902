import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../../../src/domain/Json.ts"
import * as Vendor from "../../support/VendorUpstream.ts"
import { Vendors } from "./vendorClient.ts"

const functions = ["weather", "news"].map((name) => ({ name, parameters: { type: "object", properties: {} } }))
const tools = functions.map((definition) => ({ type: "function", function: definition }))

const called = { name: "weather", arguments: "{}" }
const calls = Vendor.tells({
  message: { tool_calls: [{ index: 0, id: "c1", function: called }] },
  finish: "tool_calls"
})

const history = [
  { role: "user", content: "Погода?" },
  { role: "assistant", content: null, function_call: called },
  { role: "function", name: "weather", content: "21" }
]

layer(Vendors.layer, { excludeTestServices: true })(
  "an OpenAI client that speaks of functions in older words",
  (it) => {
    for (const vendor of ["ollama", "zai", "yandex", "lmstudio", "openai"] as const) {
      const model = `${vendor}/${vendor === "yandex" ? "gemma-3-27b-it/latest" : "m"}`

      it.effect.each([false, true])(
        `is understood by ${vendor}, and answered in the same words (stream: %s)`,
        (stream) =>
          Effect.gen(function* () {
            const { old, sent, upstreams } = yield* Vendors
            upstreams[vendor].next(calls)
            assert.deepStrictEqual(yield* old(stream, { model, functions }, history), [called, "function_call"])
            const body = sent(vendor)
            assert.deepStrictEqual(body["tools"], tools)
            const roles = (body["messages"] as ReadonlyArray<JsonObject>).map(({ role }) => role)
            assert.deepStrictEqual(roles, ["user", "assistant", "tool"])
            assert.notMatch(JSON.stringify(body), /"functions"|"function_call"/)
          })
      )

      it.effect.each([false, true])(
        `gets the function that it requires of ${vendor} by its name (stream: %s)`,
        (stream) =>
          Effect.gen(function* () {
            const { old, refused, sent, upstreams } = yield* Vendors
            const isFree = vendor !== "openai" && vendor !== "lmstudio"
            // Who leaves the call to the model is asked again for it.
            upstreams[vendor].next(...(isFree ? [Vendor.says({ content: "Не знаю" })] : []), calls)
            const asked = { model, functions, function_call: { name: "weather" } }
            assert.deepStrictEqual(yield* old(stream, asked), [called, "function_call"])
            assert.deepStrictEqual(sent(vendor)["tools"], vendor === "openai" ? tools : tools.slice(0, 1))

            const [status, error] = yield* refused(stream, { model, functions, function_call: { name: "gone" } })
            assert.deepStrictEqual([status, error["param"]], [400, "function_call"])
          })
      )
    }
  }
)
