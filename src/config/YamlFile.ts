import { Effect, FileSystem } from "effect"
import { configFile } from "./Defaults.ts"
import type { Faults } from "./Faults.ts"
import type { Path } from "./YamlPlace.ts"

/** A file that was read: its values, all scalars as text, and where each was written. */
export interface YamlFile {
  readonly value: unknown
  /** `xrouter.yaml:7 models.smart.strategy` */
  readonly at: (...path: Path) => string
}

/** Reads the file that was named, else the default one if it is there. */
export const readYamlFile = Effect.fn("YamlFile.read")(function* (named: string | undefined, faults: Faults) {
  const files = yield* FileSystem.FileSystem
  const name = named ?? configFile
  const source = yield* files.readFileString(name).pipe(
    Effect.catch((error) => {
      if (named === undefined && error.reason._tag === "NotFound") return Effect.undefined
      faults.add(
        named === undefined ? name : "XROUTER_CONFIG",
        `Expected a file that can be read: ${error.reason._tag}`
      )
      return Effect.undefined
    })
  )
  if (source === undefined) return { value: {}, at: () => name } satisfies YamlFile
  // The parser is loaded where there is something to parse: most starts have no file.
  const { parseYaml } = yield* Effect.promise(() => import("./ParseYaml.ts"))
  return yield* parseYaml(name, source, faults)
})
