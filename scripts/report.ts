/** What the tests of the last `npm run check` came to: a line a file, the names of those that failed, and the sums. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Schema } from "effect"
import { fileURLToPath } from "node:url"

const TestFile = Schema.Struct({
  name: Schema.String,
  status: Schema.String,
  message: Schema.String,
  assertionResults: Schema.Array(Schema.Struct({ fullName: Schema.String, status: Schema.String }))
})
type TestFile = typeof TestFile.Type

const Report = Schema.fromJsonString(Schema.Struct({ testResults: Schema.Array(TestFile) }))

const root = fileURLToPath(new URL("..", import.meta.url))

/** A file that could not be loaded has no tests and counts as one failure. */
const countOf = (file: TestFile) => {
  const passed = file.assertionResults.filter((test) => test.status === "passed").length
  const failed = file.assertionResults.filter((test) => test.status === "failed").length
  return { passed, failed: file.status === "failed" ? Math.max(1, failed) : failed }
}

const report = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { testResults } = yield* fs
    .readFileString(`${root}.cache/tests.json`)
    .pipe(Effect.flatMap(Schema.decodeUnknownEffect(Report)))
  const sums = { passed: 0, failed: 0 }
  for (const file of testResults.toSorted((a, b) => a.name.localeCompare(b.name))) {
    const { failed, passed } = countOf(file)
    sums.passed += passed
    sums.failed += failed
    yield* Console.log(
      `${failed > 0 ? "FAILED" : "ok    "} ${file.name.replace(root, "")}: ${passed} of ${passed + failed}`
    )
    if (failed > 0 && file.message !== "") yield* Console.log(file.message)
    for (const test of file.assertionResults) {
      if (test.status === "failed") yield* Console.log(`  ${test.fullName}`)
    }
  }
  yield* Console.log(`${sums.passed} passed, ${sums.failed} failed`)
})

report.pipe(
  // The tests ended before they could say anything: nothing passed.
  Effect.catch((error) => Console.log(`${error.message}\n0 passed, 1 failed`)),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
