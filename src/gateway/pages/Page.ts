import { HttpServerResponse } from "effect/http"
import { Html, html } from "./Html.ts"
import { style, styleHash } from "./Style.ts"
import type { Words } from "./Words.ts"

export interface PageOptions {
  readonly title: string
  readonly body: Html
  readonly status?: number | undefined
  readonly isWide?: boolean | undefined
  /** Beside our own, where a form of the page may lead: Chromium holds the redirects after it to the policy too. */
  readonly formTargets?: ReadonlyArray<string> | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A page that needs nothing but itself, and that nobody can put into a frame, keep, or learn our addresses from. */
export const page = (words: Words, options: PageOptions): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(document(words, options).text, {
    status: options.status ?? 200,
    contentType: "text/html; charset=utf-8",
    headers: { ...pageHeaders(options.formTargets), ...options.headers }
  })

/** Of every answer to a browser, a redirect as well. */
export const pageHeaders = (formTargets: ReadonlyArray<string> = []): Readonly<Record<string, string>> => ({
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "content-security-policy": [
    "default-src 'none'",
    `style-src ${styleHash}`,
    "img-src 'self' data:",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${["'self'", ...new Set(formTargets)].join(" ")}`
  ].join("; ")
})

const document = (words: Words, { body, isWide, title }: PageOptions): Html =>
  html`<!doctype html>
<html lang="${words.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · XRouter</title>
<style>${new Html(style)}</style>
</head>
<body>
<main${isWide === true ? html` class="wide"` : undefined}>
<p class="brand">XRouter</p>
${body}
</main>
</body>
</html>
`
