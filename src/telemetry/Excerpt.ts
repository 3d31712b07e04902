/**
 * The beginning of a text that is not ours to bound, for what waits: a copy, since a part of a text, as JavaScript makes it, keeps all of
 * the text in memory.
 */
export const excerpt = (text: string, longest: number): string =>
  text.length <= longest ? text : Buffer.from(`${text.slice(0, longest)}…`).toString()
