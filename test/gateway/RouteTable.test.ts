import { assert, describe, it } from "@effect/vitest"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { routeTable } from "../../src/gateway/RouteTable.ts"

class Things extends HttpApiGroup.make("things").add(
  HttpApiEndpoint.get("list", "/things"),
  HttpApiEndpoint.post("create", "/things"),
  HttpApiEndpoint.get("read", "/things/:id"),
  HttpApiEndpoint.delete("remove", "/things/:id"),
  HttpApiEndpoint.post("turn", "/things/:id/turn.now")
) {}
class ThingsApi extends HttpApi.make("api").add(Things) {}

const routes = routeTable(ThingsApi, [
  ["GET", "/things/*"],
  ["GET", "/docs"],
  ["GET", "/things"]
])

const found = (path: string) => {
  const route = routes.find(path)
  return route === undefined ? undefined : [route.pattern, ...route.methods]
}

describe("the table of routes", () => {
  it("tells the methods of a path, each once; whoever may GET may HEAD", () => {
    assert.deepStrictEqual(found("/things"), ["/things", "GET", "HEAD", "POST"])
    assert.deepStrictEqual(found("/docs"), ["/docs", "GET", "HEAD"])
  })

  it("knows a path by its pattern, whatever stands for its parameters", () => {
    for (const id of ["1", "a%2Fb", "%D0%B9", "..", "$&"]) {
      assert.deepStrictEqual(found(`/things/${id}`), ["/things/:id", "GET", "HEAD", "DELETE"], id)
    }
    assert.deepStrictEqual(found("/things/1/turn.now"), ["/things/:id/turn.now", "POST"])
  })

  it("takes `*` at a pattern's end for any rest, and a narrower pattern first", () => {
    assert.strictEqual(found("/things/1/2")?.[0], "/things/*")
    assert.strictEqual(found("/things/1/2/3")?.[0], "/things/*")
    assert.strictEqual(found("/things/1/turn_now")?.[0], "/things/*")
  })

  it("knows no other path", () => {
    for (const path of ["", "/", "/thing", "/thingsx", "/things/", "/x/things", "/docs/", "/Docs", "/docsx"]) {
      assert.isUndefined(found(path), path)
    }
  })
})
