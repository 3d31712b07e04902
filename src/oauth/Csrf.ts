import { createHmac, timingSafeEqual } from "node:crypto"

/**
 * A form's proof that it comes from a page which this browser was given: made of the session's secret, so that another session's
 * does not fit, and of no use to find the secret out.
 */
export const formToken = (sessionSecret: string): string =>
  createHmac("sha256", sessionSecret).update("xrouter form").digest("base64url")

export const isFormToken = (given: string, sessionSecret: string): boolean => {
  const expected = Buffer.from(formToken(sessionSecret))
  const actual = Buffer.from(given)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}
