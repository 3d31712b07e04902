/** The pages of the authorization server, below the public URL; what RFCs know has its paths in `oauth/Metadata.ts`. */

export const loginPath = "/login"
export const logoutPath = "/logout"
export const signUpPath = "/signup"
export const accountPath = "/account"

/** Greets a user who has just signed up. */
export const newAccountPath = `${accountPath}?new=1`

/** A page that leads on to another path of ours. */
export const withReturn = (path: string, returnTo: string | undefined): string =>
  returnTo === undefined ? path : `${path}?return_to=${encodeURIComponent(returnTo)}`
