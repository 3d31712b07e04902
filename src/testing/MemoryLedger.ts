import { Context, Effect, Layer } from "effect"
import type { CallRecord } from "../ledger/CallRecord.ts"
import { Journal } from "../ledger/Journal.ts"
import { Ledger } from "../ledger/Ledger.ts"
import { Pricing } from "../ledger/Pricing.ts"
import { RecentCalls } from "../ledger/RecentCalls.ts"
import { AbsentDatabase } from "./AbsentDatabase.ts"

/** What the calls of a test used, in the order in which they began. */
export class Calls extends Context.Service<Calls, { readonly all: Effect.Effect<ReadonlyArray<CallRecord>> }>()(
  "xrouter/testing/Calls"
) {}

/** The gateway's own ledger, over a journal in memory and no database: it knows the last 10,000 calls. */
export const layerMemoryLedger = Layer.effectContext(
  Effect.gen(function* () {
    const journaled = yield* Ledger
    const begun: Array<{ readonly requestId: string; readonly userId: string }> = []
    const ledger: Ledger["Service"] = {
      ...journaled,
      begin: (call) => {
        begun.push(call)
        return journaled.begin(call)
      }
    }
    const all = Effect.map(
      Effect.forEach(begun, ({ requestId, userId }) => Effect.option(journaled.find(userId, requestId))),
      (found) => found.flatMap((call) => (call._tag === "Some" ? [call.value] : []))
    )
    return Context.make(Ledger, ledger).pipe(Context.add(Calls, { all: Effect.suspend(() => all) }))
  })
).pipe(
  Layer.provide(Ledger.layerNoDeps),
  Layer.provide([
    Pricing.layer,
    AbsentDatabase,
    // Nothing is kept that a later life could want, and nothing shipped.
    Layer.sync(Journal, () => {
      const recent = new RecentCalls({ segment: 0, offset: 0 })
      let ended = 0
      return {
        begin: (_, saved) => saved(undefined),
        end: (requestId, line) => {
          recent.add({ requestId, line })
          recent.wrote(1, { segment: 0, offset: (ended += 1) })
        },
        written: Effect.void,
        waiting: () => 0,
        unshipped: Effect.never,
        next: Effect.undefined,
        shipped: () => Effect.void,
        ended: (isSought) => recent.lines(isSought),
        running: () => [],
        told: () => undefined,
        setAside: () => Effect.void
      }
    })
  ])
)
