import { Effect, Result } from "effect"
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml"
import { readText } from "./Environment.ts"
import type { Faults } from "./Faults.ts"
import { type Path, unset } from "./YamlPlace.ts"

const reference = /(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g

// `{ apiKey: ${NAME} }` is no YAML: a plain scalar inside braces ends at a brace. Characters of private use, as many as they
// stand for, keep both the reference and the columns whole until the scalars are known.
const opening = "\u{E000}\u{E001}"
const closing = "\u{E002}"
const sheltered = new RegExp(`${opening}(\\w+)${closing}`, "g")

/** The parser's message up to where it may begin to quote the file. */
const wordsOf = (message: string): string => /^[A-Za-z ,'/-]+/.exec(message)?.[0].trim() ?? "Expected YAML"

/** Parses a YAML text and puts the environment in where it is referred to. */
export const parseYaml = Effect.fnUntraced(function* (name: string, source: string, faults: Faults) {
  const lines = new LineCounter()
  const document = parseDocument(source.replace(reference, `${opening}$1${closing}`), {
    lineCounter: lines,
    prettyErrors: false,
    // Every scalar stays the text that was written, so that 0.20 keeps its digits and ${NAME} may stand for a number.
    schema: "failsafe",
    stringKeys: true,
    merge: true
  })
  const line = (offset: number): string => `${name}:${lines.linePos(offset).line}`
  for (const { message, pos } of [...document.errors, ...document.warnings]) {
    faults.add(line(pos[0]), wordsOf(message))
  }
  const at = (...path: Path): string => `${line(offsetOf(document, path))} ${written(path)}`.trimEnd()
  if (document.errors.length > 0) return { value: {}, at }
  yield* substitute(document, line, faults)
  const plain = Result.try((): unknown => document.toJS() ?? {})
  if (Result.isFailure(plain)) faults.add(name, "Expected each alias to follow its anchor, and not too many of them")
  return { value: Result.getOrElse(plain, () => ({})), at }
})

const substitute = Effect.fnUntraced(function* (document: Document, line: (offset: number) => string, faults: Faults) {
  const values = new Map<string, string>()
  for (const [name, offset] of referencesOf(document)) {
    const value = yield* readText(name, faults)
    if (value === undefined) faults.add(line(offset), `\${${name}} is not set in the environment`)
    values.set(name, value ?? unset)
  }
  visit(document, {
    Scalar: (key, node) => {
      if (typeof node.value !== "string") return
      const start = node.range?.[0] ?? 0
      if (key === "key" && node.value.includes(opening)) {
        faults.add(line(start), "Expected a key as it is, only values may read the environment")
      } else if (/(?<!\$)\$\{/.test(node.value)) {
        faults.add(line(start), "Expected the name of a variable between ${ and }; $${ stands for ${ itself")
      }
      node.value = node.value.replace(sheltered, (_, name: string) => values.get(name) ?? "").replaceAll("$${", "${")
    }
  })
})

/** The variables that values refer to, each with where that is done first. */
const referencesOf = (document: Document): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  visit(document, {
    Scalar: (key, node) => {
      if (typeof node.value !== "string" || key === "key") return
      for (const [, name = ""] of node.value.matchAll(sheltered)) {
        if (!found.has(name)) found.set(name, node.range?.[0] ?? 0)
      }
    }
  })
  return found
}

/** Where a path was written; of a missing part, where its parent was. */
const offsetOf = (document: Document, path: Path): number => {
  let node: unknown = document.contents
  let offset = 0
  for (const step of path) {
    const container = isAlias(node) ? node.resolve(document) : node
    if (isMap(container)) {
      const pair = container.items.find(({ key }) => isScalar(key) && key.value === step)
      if (pair === undefined) break
      offset = (isNode(pair.key) ? pair.key.range?.[0] : undefined) ?? offset
      node = pair.value
    } else if (isSeq(container)) {
      node = container.items[Number(step)]
      offset = (isNode(node) ? node.range?.[0] : undefined) ?? offset
    }
  }
  return offset
}

const written = (path: Path): string =>
  path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`),
    ""
  )
