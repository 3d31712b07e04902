import { AuthError, ValidationError } from "../domain/Errors.ts"

/**
 * The token of an `Authorization` header (RFC 6750, section 2.1), or why there is none. The scheme's case does not matter, nor
 * how many blanks follow it (RFC 9110, section 11.4).
 */
export const bearerToken = (header: string | undefined): string | AuthError | ValidationError => {
  const text = header?.trim() ?? ""
  if (text === "") return missing()
  const scheme = /^[^\s,]+/.exec(text)?.[0] ?? ""
  if (scheme.toLowerCase() !== "bearer") {
    return new AuthError({
      reason: "invalid_api_key",
      message: 'The Authorization header must be "Bearer" and an API key'
    })
  }
  const token = text.slice(scheme.length).trimStart()
  if (token === "") return missing()
  return token.length <= mostCharacters && form.test(token)
    ? token
    : new ValidationError({
        reason: "invalid_request",
        param: "authorization",
        message: 'The Authorization header must have one token after "Bearer", without blanks or commas'
      })
}

/** `b64token` of RFC 6750, and `_`, which is in the alphabet of base64url. */
const form = /^[A-Za-z0-9\-._~+/]+=*$/
const mostCharacters = 8192

const missing = () =>
  new AuthError({
    reason: "missing_credentials",
    message: 'No API key was given: send it as "Authorization: Bearer <key>"'
  })
