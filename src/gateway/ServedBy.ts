import type { Served } from "../router/Router.ts"

/** Who serves, since it need not be whom the model's name says (CONTRACT, "Model names"). */
export const servedBy = (
  { candidate, dropped }: Pick<Served, "candidate" | "dropped">,
  headers: Record<string, string>
): void => {
  headers["x-xrouter-provider"] = candidate.provider.name
  headers["x-xrouter-model"] = headerText(candidate.model)
  if (dropped.length > 0) headers["x-xrouter-dropped-params"] = dropped.join(",")
}

/** A model's name is the caller's own text, and not every character may stand in a header. */
const headerText = (text: string): string =>
  unprintable.test(text) ? text.replace(/[^\x20-\x7e]/g, (character) => encodeURIComponent(character)) : text

const unprintable = /[^\x20-\x7e]/
