/**
 * YandexGPT streams the whole text so far with every line; a client wants what is new. These two are what stands between:
 * strings are compared in UTF-16 units, but never parted within a letter.
 */

export interface Growth {
  /** What the next snapshot is measured against. */
  readonly reached: string
  /** What the client has not seen yet; empty for a repeated snapshot. */
  readonly delta: string
}

/**
 * The step from one snapshot to the next. The vendor may change its mind about text that it sent, and what a client has
 * cannot be called back: of a changed snapshot only what follows the common beginning is new, and of one that is no
 * longer than the last nothing is.
 */
export const grow = (reached: string, snapshot: string): Growth => {
  if (snapshot.startsWith(reached)) return { reached: snapshot, delta: snapshot.slice(reached.length) }
  if (snapshot.length <= reached.length) return { reached, delta: "" }
  return { reached: snapshot, delta: snapshot.slice(commonPrefix(reached, snapshot)) }
}

/** A snapshot without an unfinished letter at its end: half a surrogate pair, or the mark of a letter cut in its bytes. */
export const settled = (snapshot: string): string => {
  let end = snapshot.length
  while (isUnfinished(snapshot.charCodeAt(end - 1))) end--
  return snapshot.slice(0, end)
}

const isUnfinished = (unit: number) => unit === replacementCharacter || isHighSurrogate(unit)

const replacementCharacter = 0xfffd

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdbff

const commonPrefix = (left: string, right: string): number => {
  const most = Math.min(left.length, right.length)
  let length = 0
  while (length < most && left.charCodeAt(length) === right.charCodeAt(length)) length++
  return length > 0 && isHighSurrogate(left.charCodeAt(length - 1)) ? length - 1 : length
}
