import { Result } from "effect"

/** One series at one moment. */
export interface Sample {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

/** A line that is not of the format. */
export interface UnreadableLine {
  /** From 1. */
  readonly line: number
  readonly text: string
}

/** What a gateway told of itself at one moment: the samples of one answer of `/metrics`. */
export class Exposition {
  readonly #byName: ReadonlyMap<string, ReadonlyArray<Sample>>

  constructor(samples: Iterable<Sample>) {
    this.#byName = Map.groupBy(samples, ({ name }) => name)
  }

  /** Reads Prometheus' text format, version 0.0.4. Types, help and timestamps are passed over. */
  static read(this: void, text: string): Result.Result<Exposition, UnreadableLine> {
    const samples: Array<Sample> = []
    for (const [index, line] of text.split("\n").entries()) {
      if (line.trim() === "" || line.startsWith("#")) continue
      const sample = readSample(line)
      if (sample === undefined) return Result.fail({ line: index + 1, text: line })
      samples.push(sample)
    }
    return Result.succeed(new Exposition(samples))
  }

  samples(name: string): ReadonlyArray<Sample> {
    return this.#byName.get(name) ?? []
  }

  /** Of all series of the name that have these labels, whatever others they have; 0 where there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels)
    let sum = 0
    for (const sample of this.samples(name)) {
      if (wanted.every(([label, value]) => sample.labels.get(label) === value)) sum += sample.value
    }
    return sum
  }

  /** The values that a label has among the series of a name. */
  values(name: string, label: string): ReadonlySet<string> {
    return new Set(this.samples(name).flatMap(({ labels }) => labels.get(label) ?? []))
  }
}

/** Name, labels, value, and a timestamp that may be missing. No value and no timestamp has a brace in it. */
const sampleLine = /^\s*([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/s
const label = /\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\["\\n])*)"\s*(?:,|$)/sy
const escape = /\\(["\\n])/g

const readSample = (line: string): Sample | undefined => {
  const [, name, labelText = "", valueText = ""] = sampleLine.exec(line) ?? []
  const labels = readLabels(labelText)
  const value = readNumber(valueText)
  return name === undefined || labels === undefined || value === undefined ? undefined : { name, labels, value }
}

const readLabels = (text: string): ReadonlyMap<string, string> | undefined => {
  const labels = new Map<string, string>()
  const end = text.trimEnd().length
  label.lastIndex = 0
  while (label.lastIndex < end) {
    const [, name, value] = label.exec(text) ?? []
    if (name === undefined || value === undefined || labels.has(name)) return undefined
    labels.set(
      name,
      value.replace(escape, (_, character: string) => (character === "n" ? "\n" : character))
    )
  }
  return labels
}

/** As Go writes and reads floats. */
const readNumber = (text: string): number | undefined => {
  switch (text) {
    case "NaN":
      return Number.NaN
    case "+Inf":
    case "Inf":
      return Number.POSITIVE_INFINITY
    case "-Inf":
      return Number.NEGATIVE_INFINITY
  }
  const value = Number(text)
  return text === "" || !Number.isFinite(value) ? undefined : value
}
