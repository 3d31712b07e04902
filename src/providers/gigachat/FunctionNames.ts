/** GigaChat's names for a request's functions, and back. */
export interface FunctionNames {
  readonly toGigaChat: (name: string) => string
  /** Undefined where the name is of no function that is known. */
  readonly fromGigaChat: (name: string) => string | undefined
}

/** Names that GigaChat's own functions go by. */
const reserved = new Set(["web_search"])

const mostLetters = 64

const isFit = (name: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(name) && !reserved.has(name)

/**
 * A fit name is its own; `files.read` and `mcp/files` get one that nobody else has. The same names in the same order are named
 * alike in every request, so a conversation's later turns speak of the same functions.
 */
export const functionNames = (names: Iterable<string>): FunctionNames => {
  const given = new Set(names)
  const back = new Map([...given].filter(isFit).map((name) => [name, name]))
  const forth = new Map(back)
  for (const name of given) {
    if (forth.has(name)) continue
    const own = free(name, back)
    forth.set(name, own)
    back.set(own, name)
  }
  return { toGigaChat: (name) => forth.get(name) ?? name, fromGigaChat: (name) => back.get(name) }
}

const free = (name: string, taken: ReadonlyMap<string, string>): string => {
  const plain = name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, mostLetters) || "function"
  if (!reserved.has(plain) && !taken.has(plain)) return plain
  for (let count = 2; ; count++) {
    const numbered = `${plain.slice(0, mostLetters - 6)}_${count}`
    if (!taken.has(numbered)) return numbered
  }
}
