/**
 * The sandbox's tokens: words with the space before them. Joined, they are the text again, so a limit in tokens, a count of
 * tokens and a number of deltas are one and the same.
 */
export const word = /\s*\S+|\s+$/g

/** How many words `word` finds, without making them: a prompt can be as long as a body may be. */
export const wordCount = (text: string): number => {
  let count = 0
  let wasSpace = true
  for (let at = 0; at < text.length; at++) {
    const isSpace = isWhiteSpace(text.charCodeAt(at))
    if (wasSpace && !isSpace) count++
    wasSpace = isSpace
  }
  return wasSpace && text !== "" ? count + 1 : count
}

const isWhiteSpace = (unit: number) =>
  unit <= 0x20 ? unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) : unit >= 0xa0 && /\s/.test(String.fromCharCode(unit))
