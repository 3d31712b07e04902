/**
 * The parameters of a query or a form. One without a value counts as not sent (RFC 6749, section 3.1).
 */
export interface RequestParameters {
  /** The first of the name, decoded. */
  readonly get: (name: string) => string | undefined
  readonly all: (name: string) => ReadonlyArray<string>
  /** The first of the name as it was sent: what is only handed back must not be changed by decoding. */
  readonly raw: (name: string) => string | undefined
  /** Those that were sent more than once. */
  readonly repeated: ReadonlyArray<string>
}

export const requestParameters = (text: string): RequestParameters => {
  const values = new Map<string, Array<string>>()
  const raw = new Map<string, string>()
  for (const piece of text.split("&")) {
    // The ampersand keeps a question mark from being taken for the beginning of a query.
    for (const [name, value] of new URLSearchParams(`&${piece}`)) {
      const known = values.get(name)
      if (known === undefined) {
        values.set(name, [value])
        raw.set(name, piece.slice(piece.indexOf("=") + 1))
      } else {
        known.push(value)
      }
    }
  }
  const all = (name: string) => (values.get(name) ?? []).filter((value) => value !== "")
  return {
    get: (name) => all(name)[0],
    all,
    raw: (name) => (all(name).length === 0 ? undefined : raw.get(name)),
    repeated: [...values].filter(([, sent]) => sent.length > 1).map(([name]) => name)
  }
}
