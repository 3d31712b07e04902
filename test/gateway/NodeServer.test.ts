import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { NodeServer } from "../../src/gateway/NodeServer.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

/** More than the 512 that Node lets the kernel hold by itself. */
const crowd = 700

/** What the kernel holds at most, whatever it is asked for; only Linux tells. */
const kernelHolds = (() => {
  try {
    return Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"))
  } catch {
    return 0
  }
})()

/** Tells how many of its connections were taken: once all are, or when the first has waited for too long. */
const connecting = `
  import { connect } from "node:net"
  const [port, count] = process.argv.slice(-2).map(Number)
  let taken = 0
  const tell = () => {
    console.log(taken)
    process.exit()
  }
  setTimeout(tell, 5000)
  for (let index = 0; index < count; index += 1) {
    connect(port, "127.0.0.1").on("error", () => {}).on("connect", () => ++taken === count && tell())
  }`

describe("the server of the gateway", () => {
  it.live.skipIf(kernelHolds < crowd)("leaves a crowd to the kernel that comes while the event loop is held", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        NodeServer.layer.pipe(Layer.provide([layerTestSettings({}), NodeServices.layer]))
      )
      const { address } = Context.get(context, HttpServer.HttpServer)
      if (address._tag === "UnixPathAddress") return assert.fail("it does not listen on a port")
      // It is this process that waits for the other to end, and takes no connection until then.
      const { stderr, stdout } = spawnSync(
        process.execPath,
        ["--input-type=module", "--eval", connecting, "--", `${address.port}`, `${crowd}`],
        { encoding: "utf8" }
      )
      assert.strictEqual(Number(stdout), crowd, stderr)
    }).pipe(Effect.scoped)
  )
})
