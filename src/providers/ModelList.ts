import { Struct } from "effect"
import type { ProviderModel } from "./Provider.ts"

/** What is documented and not told by the list stands in for it; the list says which models there are. */
export const completedBy = (
  documented: ReadonlyArray<ProviderModel>
): ((listed: ReadonlyArray<ProviderModel>) => ReadonlyArray<ProviderModel>) => {
  if (documented.length === 0) return (listed) => listed
  const known = new Map(documented.map((model) => [model.id.toLowerCase(), model]))
  return (listed) =>
    listed.map((model) => {
      const id = model.id.toLowerCase()
      const same = known.get(id)
      if (same !== undefined) return completed(model, same)
      const other = known.get(unversioned(id))
      // Another version of a model may have another price.
      return other === undefined ? model : completed(model, Struct.omit(other, ["price", "name"]))
    })
}

const completed = (listed: ProviderModel, documented: Partial<ProviderModel>): ProviderModel => ({
  ...documented,
  ...listed
})

/** `gpt-5-mini-2025-08-07` is a version of `gpt-5-mini`, `GigaChat-2-Max-preview` one of `GigaChat-2-Max`. */
const unversioned = (id: string): string => id.replace(/-(?:\d{4}-\d{2}-\d{2}|preview)$/, "")
