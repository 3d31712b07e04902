/** What a token may be for (RFC 8707): this gateway, or its `/v1`, which is what is meant where nothing is said. */
export interface Resources {
  readonly all: ReadonlyArray<string>
  /** The resource by its own name; undefined where it is none of ours. A slash at its end is how URL parsers write it. */
  readonly find: (text: string) => string | undefined
  readonly usual: string
}

export const resourcesOf = (publicUrl: string): Resources => {
  const usual = `${publicUrl}/v1`
  const all = [publicUrl, usual]
  return { all, usual, find: (text) => all.find((resource) => text === resource || text === `${resource}/`) }
}
