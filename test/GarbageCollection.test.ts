import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { runChild } from "./support/Child.ts"
import { startProcess } from "./support/GatewayProcess.ts"
import { freshDatabase } from "./support/TestDatabase.ts"

const { href } = new URL("../src/GarbageCollection.ts", import.meta.url)

/** V8's help has what each flag is by now. V8 writes it itself, to what the standard output is by then, and ends the process. */
const tellFlags = `
  import { closeSync, openSync } from "node:fs"
  import { setFlagsFromString } from "node:v8"
  process.once("SIGUSR2", () => {
    closeSync(1)
    openSync("flags", "w")
    setFlagsFromString("--help")
  })`

/** What V8 tells of its collections while a process makes objects of which a third live for a while, and then marks the old ones. */
const traceOf = Effect.fnUntraced(function* (before: string) {
  const script = `import { collectForRequests } from ${JSON.stringify(href)}
    ${before}
    const make = (index) => ({ index, held: [index] })
    let held = []
    for (let index = 0; index < 300_000; index += 1) {
      held.push(make(index))
      if (held.length > 100_000) held = []
    }
    gc()`
  const tracing = ["--expose-gc", "--trace-gc-nvp", "--trace-gc-verbose", "--trace-pretenuring-statistics"]
  const { code, err, out } = yield* runChild(process.execPath, [...tracing, "--input-type=module", "--eval", script], {
    cwd: tmpdir(),
    environment: {}
  })
  assert.strictEqual(code, 0, err)
  const all = (form: RegExp) => Array.from(out.matchAll(form), ([, told]) => Number(told))
  return {
    /** Milliseconds that other threads helped to clear young objects, of each time that these were cleared. */
    helped: all(/ gc=s .* background\.scavenge\.parallel=([\d.]+)/g),
    /** How many places in the code were judged by how long their objects live, of each time that some were. */
    judged: all(/pretenuring: .* visited_sites=(\d+)/g),
    /** How many times as many the old objects may become before they are marked again. */
    growth: all(/\[HeapController\] factor ([\d.]+)/g)
  }
})

describe("the garbage collector of the gateway", () => {
  it.effect("clears young objects by one thread, judges no place in the code, and lets the old ones double", () =>
    Effect.gen(function* () {
      const { growth, helped, judged } = yield* traceOf("collectForRequests()")
      assert.isAtLeast(helped.length, 3)
      assert.deepStrictEqual(new Set(helped), new Set([0]))
      assert.deepStrictEqual(judged, [])
      assert.deepStrictEqual(growth, [2])
    })
  )

  it.effect("has help and judges where it is left to itself, so that the trace would tell", () =>
    Effect.gen(function* () {
      const { helped, judged } = yield* traceOf("")
      assert.isAbove(Math.max(...helped), 0)
      assert.isAbove(Math.max(...judged), 0)
    })
  )

  it.effect(
    "does so in the process that serves",
    () =>
      Effect.gen(function* () {
        const { exited, folder, signal, stderr, url } = yield* startProcess({
          DATABASE_URL: yield* freshDatabase,
          XROUTER_JWT_SECRETS: `one:${Buffer.from("a secret of the tests, 32 bytes or more").toString("base64")}`,
          NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(tellFlags)}`
        })
        // By then it has come to the end of its start.
        yield* Effect.promise(() => fetch(`${url}/health`))
        yield* signal("SIGUSR2")
        assert.strictEqual(yield* exited, 0, stderr())
        const told = yield* Effect.promise(() => readFile(`${folder}/flags`, "utf8"))
        for (const flag of [
          "--no-parallel-scavenge",
          "--no-allocation-site-pretenuring",
          "--heap-growing-percent=100"
        ]) {
          assert.match(told, new RegExp(`default: ${flag}$`, "m"))
        }
      }).pipe(Effect.scoped),
    60_000
  )
})
