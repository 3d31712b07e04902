/**
 * What an upstream says may quote our key, our folder, its hosts, or be a page of HTML. Before a client is told, it goes through
 * `upstreamMessage`. Masking errs on the side of hiding too much: a message that lost a word still helps, a leaked key does not.
 */

const mask = "***"
const longest = 500
/** Read of a message; far more than is told, and little enough for every pattern to be cheap. */
const readLimit = 4096

const topLevels = "com|net|org|io|ru|su|ai|dev|app|cloud|tech|team|local|localdomain|internal|lan|corp|svc|yandex|sber"

const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  // gpt://<folder>/<model>: the folder goes, the model stays.
  [/\b(gpt|emb|cls|ds|art):\/\/[^\s/"']+/gi, `$1://${mask}`],
  [/\b(https?|wss?|grpcs?|rediss?|postgres(?:ql)?|tcp|unix):\/\/[^\s"'<>)\]}]+/gi, `$1://${mask}`],
  [/\b(authorization["']?\s*[:=]\s*["']?)[^"',;}\r\n]{4,}/gi, `$1${mask}`],
  [/\b(Bearer|Basic|Api-Key|OAuth)\s+[\w.~+/=*-]{4,}/gi, `$1 ${mask}`],
  [
    /\b((?:api[_-]?key|(?:access[_-]?|iam[_-]?)?token|(?:client[_-]?)?secret|password|credentials)["']?\s*[:=]\s*["']?)[^\s"',;}]{4,}/gi,
    `$1${mask}`
  ],
  [/\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, mask],
  [/\b(?:sk|pk|rk|xr|gsk|org|proj|user)[-_](?=[\w*.-]*[\d*])[\w*.-]{6,}/g, mask],
  [/\bAQVN[\w-]*/g, mask],
  [/\bt1\.[\w.=-]{6,}/g, mask],
  [/\by[0-3]_[\w-]{8,}/g, mask],
  [/\bAIza[\w-]{8,}/g, mask],
  // Identifiers of Yandex Cloud: clouds and folders, service accounts and their keys.
  [/\b(?:b1g|aje|ajk)[a-z0-9]{17}\b/g, mask],
  [new RegExp(`(?<![\\w.-])(?:[a-z0-9-]{1,63}\\.){1,8}(?:${topLevels})\\b(?::\\d{1,5})?`, "gi"), mask],
  [/\blocalhost(?::\d{1,5})?\b/gi, mask],
  [/(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\d.])/g, mask],
  [/(?<![\w:])(?=(?:[0-9a-f]*:){3})[0-9a-f:]{6,39}(?![\w:])/gi, mask],
  [/(?<![\w+/=-])(?=[A-Za-z+/_=-]*\d)[\w+/=-]{40,}/g, mask],
  [/(?<![\w+/=-])(?=[A-Za-z+/=]*\d)[A-Za-z0-9+/=]{32,}/g, mask]
]

const html = /^\s*(?:<!doctype html|<html|<head|<body)/i
const title = /<title[^>]*>([^<]{1,200})/i

const plain = (text: string): string => {
  if (!html.test(text)) return text
  const name = title.exec(text)?.[1]?.trim()
  return name === undefined || name === "" ? "a page of HTML" : `a page of HTML, "${name}"`
}

/** A cut through a secret would leave a piece that no pattern knows: the last word goes with it. */
const bounded = (text: string): string =>
  text.length <= readLimit ? text : text.slice(0, readLimit).replace(/[^\s]*$/, "")

const cut = (text: string): string => {
  if (text.length <= longest) return text
  const kept = text.slice(0, longest - 1)
  // Not between the halves of a surrogate pair.
  return `${/[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept}…`
}

/**
 * An upstream's words, fit to be told: one line of at most 500 characters, without keys, tokens, hosts, addresses, and without
 * `secrets` (our key, our folder id) in whatever place they stand.
 */
export const upstreamMessage = (text: string, secrets: ReadonlyArray<string> = []): string => {
  let told = text
  for (const secret of secrets) if (secret.length >= 4) told = told.replaceAll(secret, mask)
  told = bounded(plain(told))
  for (const [pattern, by] of patterns) told = told.replace(pattern, by)
  return cut(told.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim())
}
