import { type Scope, scopes as known } from "../domain/Principal.ts"

/** What one is given that asks for nothing. */
export const defaultScopes: ReadonlyArray<Scope> = ["inference"]

export const isScope = (text: string): text is Scope => known.some((scope) => scope === text)

/** `scope` of a request: names between single blanks (RFC 6749, section 3.3), in our own order; undefined where one is not known. */
export const parseScopes = (text: string): ReadonlyArray<Scope> | undefined => {
  const names = text.split(" ")
  return names.every(isScope) ? known.filter((scope) => names.includes(scope)) : undefined
}

export const scopeText = (scopes: ReadonlyArray<Scope>): string => scopes.join(" ")

export const isWithin = <A>(part: ReadonlyArray<A>, whole: ReadonlyArray<A>): boolean =>
  part.every((item) => whole.includes(item))
