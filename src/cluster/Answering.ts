import { Effect, FiberSet, Layer } from "effect"
import { Health } from "../gateway/Health.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { seriesOf } from "../telemetry/Series.ts"
import { PrimaryLink } from "./PrimaryLink.ts"

/** What a worker tells its primary of what it has measured: when it is asked, and at its end. Nothing in a process that is alone. */
export const Answering = Layer.effectDiscard(
  Effect.gen(function* () {
    const link = yield* PrimaryLink
    if (link === undefined) return
    const health = yield* Health
    const metrics = yield* Metrics
    const run = yield* FiberSet.makeRuntime()

    const tell = (question: number | undefined) =>
      Effect.flatMap(metrics.snapshot, (snapshots) =>
        link.tell({ _tag: "Measures", question, series: seriesOf(snapshots) })
      )
    // So that what it tells of the database is of now.
    link.onQuestion((question) => void run(Effect.andThen(health.report, tell(question))))
    yield* Effect.addFinalizer(() => tell(undefined))

    yield* Effect.forkScoped(
      Effect.andThen(
        link.abandoned,
        Effect.logError("The process that has started this worker is gone; it finishes what it has begun, and ends")
      )
    )
  })
)
