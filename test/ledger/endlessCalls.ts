import { Effect, Redacted } from "effect"
import { Ledger } from "../../src/ledger/Ledger.ts"
import { layerServer } from "../../src/storage/Database.ts"
import { begun, ended, layerLedger } from "./calls.ts"

/**
 * A process that makes calls until it is killed, 50 at a time, and says of each when it may be made. Every third is ended, so that more
 * and more are open.
 */
const [dataDir = "", url = ""] = process.argv.slice(2)

const calls = Effect.gen(function* () {
  const ledger = yield* Ledger
  for (let turn = 0; ; turn += 1) {
    yield* Effect.forEach(
      Array.from({ length: 50 }, (_, index) => index),
      Effect.fnUntraced(function* (index) {
        const call = begun({ model: "smart" })
        const entry = ledger.begin(call)
        yield* entry.recorded
        process.stdout.write(`${call.requestId}\n`)
        if (index % 3 === 0) entry.end(ended())
      }),
      { concurrency: "unbounded" }
    )
    yield* Effect.sleep("5 millis")
  }
})

Effect.runFork(calls.pipe(Effect.provide(layerLedger(layerServer(Redacted.make(url)), dataDir))))
