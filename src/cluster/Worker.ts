import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import cluster from "node:cluster"
import { Application } from "../Application.ts"
import { Worker } from "../config/Worker.ts"
import { Haste } from "../gateway/Drain.ts"
import { anotherSignal } from "../Signals.ts"
import { StartError } from "../StartError.ts"
import { teardown } from "../Teardown.ts"
import { Siblings } from "../telemetry/Siblings.ts"
import { makeLink, PrimaryLink } from "./PrimaryLink.ts"

/** The process of a worker. Its number is its one argument. */
export const runWorker = (): void =>
  worker(Number(process.argv[2])).pipe(
    // The channel to the primary would keep the process.
    NodeRuntime.runMain({ teardown: (exit) => teardown(exit, (code) => process.exit(code)) })
  )

/** The gateway, until its primary tells it to stop or is gone; signals are obeyed as by a process that is alone. */
const worker = (number: number) =>
  Effect.suspend(() => {
    if (cluster.worker === undefined) return Effect.andThen(Console.error(alone.message), alone)
    const link = makeLink()
    // Node would end the process at once, and with it the answers that run.
    cluster.worker.exitedAfterDisconnect = true
    return Layer.launch(Application).pipe(
      Effect.provideService(Haste, Effect.raceFirst(anotherSignal, link.haste)),
      Effect.provideService(Worker, number),
      Effect.provideService(Siblings, link.gather),
      Effect.provideService(PrimaryLink, link),
      Effect.raceFirst(Effect.andThen(link.stop, Effect.interrupt)),
      Effect.mapError(StartError.from),
      Effect.catchDefect((defect) => Effect.fail(StartError.fromDefect(defect))),
      Effect.tapError(({ message }) => link.tell({ _tag: "Refused", message }))
    )
  })

const alone = new StartError({
  message: "A worker does not start by itself: run the gateway, with XROUTER_WORKERS above 1"
})
