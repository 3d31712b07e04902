import { Config, ConfigProvider, Effect, Option, Result, Schema } from "effect"
import { describeIssues, type Fault, type Faults } from "./Faults.ts"
import type { Variable } from "./Variable.ts"
import { sections } from "./Variables.ts"

/** A variable's text without the space around it; undefined where it is unset, empty or blank. */
export const readText = Effect.fnUntraced(function* (name: string, faults: Faults) {
  const text = yield* Config.option(Config.String(name)).pipe(
    Effect.catch(() => {
      faults.add(name, "cannot be read from its source")
      return Effect.succeedNone
    })
  )
  const trimmed = Option.getOrElse(text, () => "").trim()
  return trimmed === "" ? undefined : trimmed
})

/** A variable's value. A wrong one is a fault, and the fallback stands in so that the rest can be read too. */
export const readVariable = Effect.fnUntraced(function* <A>(variable: Variable<A>, faults: Faults) {
  const text = yield* readText(variable.name, faults)
  if (text === undefined) return variable.fallback
  const decoded = Schema.decodeResult(variable.schema)(text, { errors: "all" })
  if (Result.isSuccess(decoded)) return decoded.success
  for (const { message, path } of describeIssues(decoded.failure)) {
    const entry = path[0]
    faults.add(variable.name, (typeof entry === "number" ? `Entry ${entry + 1}: ${message}` : message) + hint(text))
  }
  return variable.fallback
})

const hint = (text: string): string =>
  text.startsWith("tcp://")
    ? "; Kubernetes sets it for a Service of that name, enableServiceLinks: false in the pod keeps it from that"
    : ""

const ours = "XROUTER"

/** What Kubernetes adds for a Service named xrouter. */
const ofKubernetes = /^XROUTER_(SERVICE|PORT)_/

/** The variables that begin like ours and that nothing reads: typing errors, mostly. */
export const unreadVariables = Effect.gen(function* () {
  const read = new Set(sections.flatMap(({ variables }) => Object.values(variables).map(({ name }) => name)))
  const names = yield* namesBelow(ours)
  return names
    .filter((name) => !read.has(name) && !ofKubernetes.test(name))
    .sort()
    .map((at): Fault => ({ at, message: "is no variable of XRouter" }))
})

/** The variables that are set and whose names begin with `prefix_`. */
export const namesBelow = (prefix: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.flatMap(ConfigProvider.ConfigProvider, (provider) => namesUnder(provider, [prefix]))

const namesUnder = (
  provider: ConfigProvider.ConfigProvider,
  path: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const node = yield* provider.load(path).pipe(Effect.orElseSucceed(() => undefined))
    const own = node?.value === undefined ? [] : [path.join("_")]
    const children = node?._tag === "Record" ? [...node.keys] : []
    const names = yield* Effect.forEach(children, (child) => namesUnder(provider, [...path, child]))
    return [...own, ...names.flat()]
  })
