import { ValidationError } from "../domain/Errors.ts"

/** Fields of a request's head; Node would drop what is over its own limit in silence. */
const mostFields = 100

/** Fields that decide who is asked and who asks, each with a bit of its own: of two, different readers would believe different ones. */
const single: ReadonlyMap<string, number> = new Map([
  ["host", 1],
  ["authorization", 2],
  ["content-length", 4],
  ["content-type", 8]
])

/** What is wrong with the request's head beyond what Node's parser refuses by itself. */
export const headerFault = (rawHeaders: ReadonlyArray<string>): ValidationError | undefined => {
  if (rawHeaders.length > mostFields * 2) {
    return new ValidationError({
      reason: "headers_too_large",
      message: `The request has more than ${mostFields} header fields`
    })
  }
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i]
    // The longest and the shortest of the names looked for; spares most fields the lower-casing.
    if (raw === undefined || raw.length < 4 || raw.length > 14) continue
    const name = raw.toLowerCase()
    const bit = single.get(name)
    if (bit === undefined) continue
    if ((seen & bit) !== 0) {
      return new ValidationError({
        reason: "invalid_request",
        message: `The request has more than one ${name} header`,
        ...(name === "authorization" ? { param: name } : {})
      })
    }
    seen |= bit
  }
  return undefined
}
