import { Effect, FileSystem, Latch, Layer, Schedule } from "effect"
import { Settings } from "../config/Settings.ts"
import { Worker } from "../config/Worker.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { Journal, makeJournal, workerFolders } from "./Journal.ts"
import { makeShipping } from "./Shipping.ts"

/** While somebody else still has the journal: a worker whose primary was killed, and which is about to end. */
const retryEvery = "10 seconds"

/**
 * Delivers what workers of an earlier start have left in their journals, where there are fewer of them now. Those that are started again
 * look after their own; of these one process looks after all.
 */
export const Leftovers = Layer.effectDiscard(
  Effect.gen(function* () {
    const { dataDir, workers } = yield* Settings
    const worker = yield* Worker
    if (worker !== undefined && worker !== 1) return
    // Whoever has this folder's journal has the others' too.
    yield* Journal
    const fs = yield* FileSystem.FileSystem
    const folder = workerFolders(dataDir)
    const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), () => [])
    for (const name of names) {
      if (!/^[1-9]\d*$/.test(name) || Number(name) <= workers) continue
      yield* Effect.forkScoped(delivering(`${folder}/${name}`))
    }
  })
)

const delivering = (home: string) =>
  Effect.catch(deliver(home), (error) =>
    Effect.logWarning(`Usage that an earlier start left in ${home} has to wait`, error).pipe(
      Effect.andThen(Effect.retry(deliver(home), Schedule.spaced(retryEvery)))
    )
  )

const deliver = Effect.fn("Leftovers.deliver")(function* (home: string) {
  const count = yield* shipped(home)
  if (count > 0) yield* Effect.logInfo(`Usage that an earlier start left in ${home} is in the database: ${count} calls`)
  const fs = yield* FileSystem.FileSystem
  // What the database has refused stays for people to look at.
  const kept = yield* Effect.orElseSucceed(fs.readDirectory(`${home}/usage`), () => [])
  if (kept.length === 0) yield* Effect.ignore(fs.remove(home, { recursive: true }))
})

/** Done when all of a journal is in the database: so many calls. */
const shipped = Effect.fnUntraced(function* (home: string) {
  const journal = yield* makeJournal(home)
  const count = journal.waiting()
  const metrics = yield* Metrics
  const done = yield* Latch.make(count === 0)
  yield* makeShipping(() => void (journal.waiting() === 0 && done.openUnsafe())).pipe(
    Effect.provideService(Journal, journal),
    // That gauge is the journal's of this process.
    Effect.provideService(Metrics, { ...metrics, setUsagePending: () => undefined })
  )
  yield* done.await
  return count
}, Effect.scoped)
