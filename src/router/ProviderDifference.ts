import { Equal, Struct } from "effect"
import type { ProviderSettings } from "../config/Settings.ts"

type BySettings = ReadonlyMap<string, ProviderSettings>

/** What becomes of the providers when the configuration is read again; each name is in one of the four. */
export interface ProviderDifference {
  /** Reached as before, though perhaps called otherwise: with other timeouts, another circuit, more at once. */
  readonly kept: ReadonlyArray<string>
  readonly added: ReadonlyArray<string>
  /** There before and after, and not the same: another address, key or certificate. */
  readonly changed: ReadonlyArray<string>
  readonly removed: ReadonlyArray<string>
}

export const differenceOf = (before: BySettings, after: BySettings): ProviderDifference => {
  const names = [...after.keys()]
  const isKept = (name: string) => Equal.equals(reachedBy(before.get(name)), reachedBy(after.get(name)))
  return {
    kept: names.filter((name) => before.has(name) && isKept(name)),
    added: names.filter((name) => !before.has(name)),
    changed: names.filter((name) => before.has(name) && !isKept(name)),
    removed: [...before.keys()].filter((name) => !after.has(name))
  }
}

/** What a provider is made of. How it is called is the router's, which looks it up. */
const reachedBy = (settings: ProviderSettings | undefined) =>
  settings === undefined || settings.kind === "sandbox"
    ? settings
    : Struct.omit(settings, ["circuit", "concurrency", "timeouts"])
