import { Effect, Latch, type Scope } from "effect"
import type { HttpBody } from "effect/http/HttpBody"
import type { Batching } from "./Collecting.ts"
import { type Delivery, tries } from "./Delivery.ts"

export interface BatchExporter<in Item> {
  /** Never waits. What finds no room is dropped, and counted. */
  readonly push: (item: Item) => void
}

/**
 * Sends items in batches, one at a time, from a queue that has an end: a collector that is down, or takes a batch and never answers, holds up
 * one request of ours and no more memory than the queue. Effect's own exporter has neither bound.
 */
export const makeBatchExporter = Effect.fnUntraced(function* <Item>(
  { batchSize, interval, queueSize }: Batching,
  { deliver, last, overflowed }: Delivery,
  encode: (batch: Array<Item>) => HttpBody
): Effect.fn.Return<BatchExporter<Item>, never, Scope.Scope> {
  const waiting: Array<Item> = []
  const full = Latch.makeUnsafe()

  /** The batch stays in the queue until it is gone, so that what waits is never more than the queue. */
  const exportBatch = (tries: number): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const batch = waiting.slice(0, batchSize)
      if (batch.length === 0) return Effect.succeed(true)
      return Effect.tap(deliver(encode(batch), batch.length, tries), () =>
        Effect.sync(() => void waiting.splice(0, batch.length))
      )
    })

  /** All that waits; ends at the first batch that is not taken. */
  const exportAll = (tries: number): Effect.Effect<void> =>
    Effect.flatMap(exportBatch(tries), (isTaken) => (isTaken && waiting.length > 0 ? exportAll(tries) : Effect.void))

  yield* Effect.addFinalizer(() => last(exportAll(1)))
  yield* full.await.pipe(
    Effect.timeoutOption(interval),
    Effect.andThen(exportAll(tries)),
    Effect.andThen(Effect.sync(() => waiting.length < batchSize && full.closeUnsafe())),
    Effect.forever,
    Effect.forkScoped
  )

  return {
    push: (item) => {
      if (waiting.length >= queueSize) {
        overflowed()
        return
      }
      waiting.push(item)
      if (waiting.length >= batchSize) full.openUnsafe()
    }
  }
})
