/**
 * Of what an instance must forget what it remembers: it was revoked, deleted, or changed in what it allows. Of a user that means
 * the keys and tokens too, of a client and of a grant the tokens.
 */
export interface Revoked {
  readonly kind: "key" | "user" | "client" | "grant" | "token"
  readonly id: string
}

/** One line of text, as the log and the channel carry it: `key key_01h…`. */
export const toLine = ({ id, kind }: Revoked): string => `${kind} ${id}`

/** Undefined of what is none, or is of a kind that only a newer version knows. */
export const revokedFrom = (line: string): Revoked | undefined => {
  const [kind, id, ...more] = line.split(" ")
  if (id === undefined || id === "" || more.length > 0) return undefined
  switch (kind) {
    case "key":
    case "user":
    case "client":
    case "grant":
    case "token":
      return { kind, id }
    default:
      return undefined
  }
}
