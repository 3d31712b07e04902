import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted, Schema } from "effect"
import type { OpenAiSettings, ProviderSettings } from "../../src/config/Settings.ts"
import { differenceOf } from "../../src/router/ProviderDifference.ts"
import { openAiSettings } from "../support/Upstreams.ts"

const plain = () => openAiSettings("http://127.0.0.1:1")

/** Ways to be reached, each made anew whenever it is asked for, as those of a file are. */
const ways = {
  plain,
  elsewhere: () => openAiSettings("http://127.0.0.1:2"),
  otherKey: () => openAiSettings("http://127.0.0.1:1", "another key"),
  headers: () => ({ ...plain(), headers: { "x-team": Redacted.make("a") } }),
  otherHeaders: () => ({ ...plain(), headers: { "x-team": Redacted.make("b") } }),
  traced: () => ({ ...plain(), propagateTrace: true }),
  noFanOut: () => ({ ...plain(), fanOut: false })
} satisfies Record<string, () => OpenAiSettings>

const Entry = Schema.Struct({
  name: Schema.Literals(["a", "b", "c", "d"]),
  way: Schema.Literals(["plain", "elsewhere", "otherKey", "headers", "otherHeaders", "traced", "noFanOut", "sandbox"]),
  concurrency: Schema.optionalKey(Schema.Literals([1, 2])),
  total: Schema.optionalKey(Schema.Literals([8, 9])),
  failures: Schema.optionalKey(Schema.Literals([3, 4]))
})
const Entries = Schema.Array(Entry).check(Schema.isMaxLength(6))
type Entries = typeof Entries.Type

const settingsOf = ({ concurrency, failures, total, way }: typeof Entry.Type): ProviderSettings =>
  way === "sandbox"
    ? { kind: "sandbox" }
    : {
        ...ways[way](),
        concurrency,
        ...(total === undefined ? {} : { timeouts: { total: Duration.seconds(total) } }),
        ...(failures === undefined ? {} : { circuit: { failures } })
      }

/** Of two with one name the later, where the first stood. */
const providersOf = (entries: Entries) => new Map(entries.map((entry) => [entry.name, settingsOf(entry)]))
const waysOf = (entries: Entries) => new Map<string, string>(entries.map(({ name, way }) => [name, way]))

describe("what a new configuration does to the providers", () => {
  it.prop("has each name in one of its four lists, in the file's order", [Entries, Entries], ([before, after]) => {
    const { added, changed, kept, removed } = differenceOf(providersOf(before), providersOf(after))
    assert.deepStrictEqual([...kept, ...changed, ...removed].sort(), [...providersOf(before).keys()].sort())
    const order = [...providersOf(after).keys()]
    assert.deepStrictEqual([...kept, ...changed, ...added].sort(), [...order].sort())
    for (const names of [kept, changed, added]) {
      assert.deepStrictEqual(
        names,
        order.filter((name) => names.includes(name))
      )
    }
  })

  it.prop(
    "keeps those that are reached as before, however they are called now, and no others",
    [Entries, Entries],
    ([before, after]) => {
      const { changed, kept } = differenceOf(providersOf(before), providersOf(after))
      for (const name of kept) assert.strictEqual(waysOf(before).get(name), waysOf(after).get(name))
      for (const name of changed) assert.notStrictEqual(waysOf(before).get(name), waysOf(after).get(name))
    }
  )

  it.prop("keeps all of a configuration that says the same again", [Entries], ([entries]) => {
    assert.deepStrictEqual(differenceOf(providersOf(entries), providersOf(entries)), {
      kept: [...providersOf(entries).keys()],
      added: [],
      changed: [],
      removed: []
    })
  })
})
