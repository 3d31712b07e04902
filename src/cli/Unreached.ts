/** What a command says of a place where it has found no gateway. */

export const silent = (url: string): string =>
  `No gateway answers at ${url}. Start it (xrouter serve), or set XROUTER_URL to where it is`

export const foreign = (url: string, status?: number): string =>
  `${url} gave an answer${status === undefined ? "" : ` (${status})`} that is not XRouter's. Is XROUTER_URL right?`
