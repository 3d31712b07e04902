import { Context, Effect, FiberSet, Layer, Semaphore } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { query } from "../storage/Query.ts"
import { RecentMap } from "./RecentMap.ts"

/** When keys were used last. Many requests make one write, every ten seconds; what a crash loses is those ten seconds. */
export class LastUse extends Context.Service<
  LastUse,
  {
    /** Notes the use of a key, at Unix milliseconds. */
    readonly record: (keyId: string, at: number) => void
    /** Writes what was noted; keeps it for another time where the database is away. */
    readonly flush: Effect.Effect<void>
  }
>()("xrouter/auth/LastUse") {
  static readonly layer = Layer.effect(
    LastUse,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const run = yield* FiberSet.makeRuntime()
      const oneAtATime = yield* Semaphore.make(1)
      let noted = new RecentMap<number>(mostKeys)
      let isDue = false

      const flush = Effect.gen(function* () {
        isDue = false
        const batch = noted
        if (batch.size === 0) return
        noted = new RecentMap(mostKeys)
        // In the order of ids, so that two instances that write at once wait for each other and do not lock each other out.
        const uses = [...batch].sort(([left], [right]) => (left < right ? -1 : 1))
        yield* Effect.catch(query(write(sql, uses)), (error) => {
          for (const [id, at] of noted) batch.set(id, at)
          noted = batch
          schedule()
          return Effect.logWarning("When keys were used last could not be written; keeping it for later", error)
        })
      }).pipe(Effect.uninterruptible, oneAtATime.withPermit)

      /** Nothing runs while no key is used. */
      const schedule = () => {
        if (isDue) return
        isDue = true
        run(Effect.delay(flush, interval))
      }

      yield* Effect.addFinalizer(() => flush)
      return LastUse.of({
        record: (keyId, at) => {
          noted.set(keyId, at)
          schedule()
        },
        flush
      })
    })
  )
}

const interval = "10 seconds"
const mostKeys = 10_000

const write = (sql: SqlClient, uses: ReadonlyArray<readonly [id: string, at: number]>) =>
  sql`
    UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, used.at)
    FROM (SELECT * FROM unnest(${uses.map(([id]) => id)}::text[], ${uses.map(([, at]) => new Date(at))}::timestamptz[])) used (id, at)
    WHERE k.id = used.id`
