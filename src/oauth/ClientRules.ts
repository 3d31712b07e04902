import type { Scope } from "../domain/Principal.ts"
import { registrationFault } from "./RedirectUri.ts"
import { isScope } from "./Scopes.ts"

/**
 * What may be said of a client. Its name stands on the page where a user decides whether to trust it, whoever chose it. Messages are
 * in ASCII without quotes, since a client that registers itself gets them as an `error_description`.
 */
export interface ClientFault {
  readonly field: "name" | "redirect_uris" | "scopes"
  readonly message: string
}

const mostNameCharacters = 100
const mostRedirectUris = 20

/** Characters that change how those around them are read: controls, line ends, directions of writing, joiners. */
const disguises = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/u

/** Letters and marks that nobody sees. */
const invisible = /\u{34f}|\u{115f}|\u{1160}|\u{17b4}|\u{17b5}|\u{3164}|\u{ffa0}/u

export const nameFault = (name: string): string | undefined => {
  if (name.trim() === "" || name !== name.trim()) return "must have a visible character, and no blank at its ends"
  if (name.length > mostNameCharacters) return `must have at most ${mostNameCharacters} characters`
  return !name.isWellFormed() || disguises.test(name) || invisible.test(name)
    ? "must be plain text, without control, direction or invisible characters"
    : undefined
}

export const redirectUrisFault = (uris: ReadonlyArray<string>): string | undefined => {
  if (uris.length === 0 || uris.length > mostRedirectUris) return `must be 1 to ${mostRedirectUris} URIs`
  const wrong = uris.flatMap((uri, index) => {
    const fault = registrationFault(uri)
    return fault === undefined ? [] : [`number ${index + 1} ${fault}`]
  })
  return wrong[0]
}

export const clientFault = (client: {
  readonly name?: string | undefined
  readonly redirectUris?: ReadonlyArray<string> | undefined
  readonly scopes?: ReadonlyArray<string> | undefined
}): ClientFault | undefined => {
  const { name, redirectUris, scopes } = client
  const faults = [
    name === undefined ? undefined : fault("name", nameFault(name)),
    redirectUris === undefined ? undefined : fault("redirect_uris", redirectUrisFault(redirectUris)),
    scopes === undefined ? undefined : fault("scopes", scopesFault(scopes))
  ]
  return faults.find((each) => each !== undefined)
}

export const knownScopes = (scopes: ReadonlyArray<string>): ReadonlyArray<Scope> => scopes.filter(isScope)

const scopesFault = (scopes: ReadonlyArray<string>): string | undefined =>
  scopes.length === 0 || !scopes.every(isScope) ? "must name inference, keys or both" : undefined

const fault = (field: ClientFault["field"], message: string | undefined): ClientFault | undefined =>
  message === undefined ? undefined : { field, message }
