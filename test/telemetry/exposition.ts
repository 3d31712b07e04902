import { assert } from "@effect/vitest"

/** What a scrape told: the type of each family, and each sample under its name and sorted labels. */
export interface Exposition {
  readonly types: ReadonlyMap<string, string>
  readonly samples: ReadonlyMap<string, number>
}

/**
 * Reads Prometheus' text format, version 0.0.4, as strictly as a scraper and `promtool check metrics` do: one HELP and one
 * TYPE before a family's samples, no series twice, counters and nothing else named `_total`.
 */
export const readExposition = (text: string): Exposition => {
  assert.isTrue(text.endsWith("\n"), "the last line ends with a newline")
  const helps = new Set<string>()
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  let family = ""

  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP (\S+) (.+)$/.exec(line)
    if (help !== null) {
      assert.isFalse(helps.has(help[1] ?? ""), `one HELP for ${help[1]}`)
      helps.add(help[1] ?? "")
      continue
    }
    const type = /^# TYPE ([a-z0-9_]+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      family = type[1] ?? ""
      assert.isFalse(types.has(family), `one TYPE for ${family}`)
      assert.isTrue(helps.has(family), `a HELP for ${family}`)
      assert.strictEqual(family.endsWith("_total"), type[2] === "counter", `${family} is named as what it is`)
      types.set(family, type[2] ?? "")
      continue
    }
    const sample = /^([a-z0-9_]+)(?:\{(.*)\})? (-?[0-9.e+-]+)$/.exec(line)
    assert.isNotNull(sample, `a sample, a HELP or a TYPE: ${line}`)
    const [, name = "", labels = "", value = ""] = sample ?? []
    const suffixes = types.get(family) === "histogram" ? ["_bucket", "_sum", "_count"] : [""]
    assert.isTrue(
      suffixes.some((suffix) => name === family + suffix),
      `${name} stands under its own TYPE`
    )
    const series = seriesName(name, readLabels(labels))
    assert.isFalse(samples.has(series), `one sample for ${series}`)
    samples.set(series, Number(value))
  }
  return { types, samples }
}

/** The sample of exactly these labels; fails where there is none. */
export const valueOf = (told: Exposition, name: string, labels: Record<string, string> = {}): number => {
  const value = told.samples.get(seriesName(name, labels))
  assert.isDefined(value, `${seriesName(name, labels)} among ${[...told.samples.keys()].join(", ")}`)
  return value ?? Number.NaN
}

const seriesName = (name: string, labels: Record<string, string>): string =>
  name + JSON.stringify(Object.entries(labels).sort(([a], [b]) => a.localeCompare(b)))

const readLabels = (text: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  const label = /([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
  while (label.lastIndex < text.length) {
    const found = label.exec(text)
    assert.isNotNull(found, `labels: ${text}`)
    if (found === null) break
    labels[found[1] ?? ""] = (found[2] ?? "").replace(/\\(["\\n])/g, (_, of: string) => (of === "n" ? "\n" : of))
  }
  return labels
}
