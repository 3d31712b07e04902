/** `npm run check`: every check of the project, two at a time, each with its time; what fails is shown whole, at the end. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Duration, Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"

interface Step {
  readonly name: string
  readonly run: readonly [command: string, ...args: ReadonlyArray<string>]
}

/**
 * The file is read by `scripts/report.ts`. Tests kill stores, drain processes and measure how soon things are well again: on a machine
 * that stalls one may come too late, so it has a second try, which the output names. What is broken fails twice.
 */
const report = ["--retry=1", "--reporter=default", "--reporter=json", "--outputFile.json=.cache/tests.json"]

/** The longest first, so that the others run beside it. Architecture, docs and Compose file are tests like the others. */
const steps: ReadonlyArray<Step> = [
  { name: "tests", run: ["npm", "run", "--silent", "test", "--", ...report] },
  { name: "types", run: ["npm", "run", "--silent", "types"] },
  { name: "effects", run: ["npm", "run", "--silent", "effects"] },
  { name: "lint", run: ["npm", "run", "--silent", "lint"] },
  { name: "format", run: ["npm", "run", "--silent", "format:check"] }
]

class ChecksFailed extends Schema.TaggedError<ChecksFailed>()("ChecksFailed", { names: Schema.Array(Schema.String) }) {
  override readonly message = `failed: ${this.names.join(", ")}`
}

const seconds = (duration: Duration.Duration) => `${(Duration.toMillis(duration) / 1000).toFixed(1)} s`

const runStep = Effect.fn("check.step")(function* ({ name, run: [command, ...args] }: Step) {
  const [duration, { code, output }] = yield* Effect.gen(function* () {
    const handle = yield* ChildProcess.make(command, args, { extendEnv: true, stdin: "ignore" })
    const output = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
    return { code: yield* handle.exitCode, output }
  }).pipe(Effect.scoped, Effect.timed)
  const passed = code === 0
  yield* Console.log(`${passed ? "ok    " : "FAILED"} ${name.padEnd(8)} ${seconds(duration).padStart(7)}`)
  return { name, passed, output }
})

const check = Effect.gen(function* () {
  const [duration, results] = yield* Effect.forEach(steps, runStep, { concurrency: 2 }).pipe(Effect.timed)
  const failed = results.filter((result) => !result.passed)
  for (const { name, output } of failed) yield* Console.log(`\n── ${name} ──\n${output.trimEnd()}`)
  yield* Console.log(`\n${results.length - failed.length} of ${results.length} checks passed in ${seconds(duration)}`)
  if (failed.length > 0) return yield* new ChecksFailed({ names: failed.map((result) => result.name) })
})

check.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain({ disableErrorReporting: true }))
