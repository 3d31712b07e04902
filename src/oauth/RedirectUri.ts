/**
 * Where a code is sent. A registered URI is compared as text, character by character (RFC 9700, section 4.1.3), but for the port of
 * a loopback client, which it learns only when it runs (RFC 8252, section 7.3).
 */

const mostCharacters = 2048

/** Schemes that browsers run, read or keep to themselves. */
const harmful = new Set(["javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"])

/** `http://127.0.0.1`, `http://[::1]`, and `http://localhost`, which RFC 8252 advises against and clients use. */
const loopback = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::(\d{1,5}))?(?=[/?]|$)/

/** RFC 3986, section 2: what a URI may be written with; no blank, control, quote, backslash or letter beyond ASCII. */
const uriCharacters = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+$/

/** What is wrong with a URI that a client wants to be registered; undefined where nothing is. */
export const registrationFault = (uri: string): string | undefined => {
  if (uri.length > mostCharacters) return `has more than ${mostCharacters} characters`
  if (!uriCharacters.test(uri)) return "has characters that must be percent-encoded"
  const url = URL.parse(uri)
  if (url === null) return "is not an absolute URI"
  if (uri.includes("#")) return "has a fragment"
  const scheme = url.protocol.slice(0, -1)
  if (harmful.has(scheme)) return `has the scheme ${scheme}`
  if (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/?]*@/.test(uri)) return "has a user or a password"
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:[/?]|$)/i.test(uri.slice(uri.indexOf(":") + 1))) return "has a dot segment"
  switch (scheme) {
    case "https":
      return /^https:\/\/[a-z0-9[]/.test(uri) ? undefined : "must begin with https:// and a host in lower case"
    case "http":
      return isLoopback(uri) ? undefined : "is http, which only 127.0.0.1, [::1] and localhost may be"
    default:
      // RFC 8252, section 7.1: a domain name turned round, so that two programs do not choose the same.
      return /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+$/.test(scheme) && uri.startsWith(`${scheme}:`)
        ? undefined
        : "has a private scheme without a dot; expected one like com.example.app"
  }
}

/** The registered URI that this one is, if it is one. */
export const findRedirectUri = (registered: ReadonlyArray<string>, given: string): string | undefined =>
  registered.find((uri) => uri === given || isSameLoopback(uri, given))

const isLoopback = (uri: string): boolean => withoutPort(uri) !== undefined

const isSameLoopback = (registered: string, given: string): boolean => {
  const expected = withoutPort(registered)
  return expected !== undefined && expected === withoutPort(given)
}

const withoutPort = (uri: string): string | undefined => {
  const match = loopback.exec(uri)
  if (match === null) return undefined
  const [start, host, port] = match
  if (port !== undefined && (port.startsWith("0") || Number(port) > 65_535)) return undefined
  return `http://${host}${uri.slice(start.length)}`
}

/** What a person is shown of where the code goes: the host, or the scheme of a program. */
export const hostOf = (uri: string): string => {
  const url = new URL(uri)
  return url.host === "" ? url.protocol : url.host
}

/** As `form-action` of a Content-Security-Policy names it; Chromium holds redirects after a form to it. */
export const formTarget = (uri: string): string => {
  const url = new URL(uri)
  return url.protocol === "https:" || url.protocol === "http:" ? url.origin : url.protocol
}

/**
 * The URI with parameters added to those it has. `state` goes back as it came, still encoded (RFC 6749, section 4.1.2: "the exact
 * value received").
 */
export const withParameters = (
  uri: string,
  parameters: Readonly<Record<string, string>>,
  state: string | undefined
): string => {
  const added = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  if (state !== undefined) added.push(`state=${state}`)
  const separator = !uri.includes("?") ? "?" : /[?&]$/.test(uri) ? "" : "&"
  return `${uri}${separator}${added.join("&")}`
}

/** A `state` as it was sent, made fit to be part of a URI where it was not: characters that nobody may send unencoded. */
export const stateText = (raw: string): string =>
  raw.replace(/[^A-Za-z0-9\-._~:/?@!$'()*+,;=%[\]]/g, (character) => encodeURIComponent(character.toWellFormed()))
