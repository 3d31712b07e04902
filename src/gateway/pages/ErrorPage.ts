import type { HttpServerResponse } from "effect/http"
import { html } from "./Html.ts"
import { page } from "./Page.ts"
import type { Words } from "./Words.ts"

export type Trouble =
  | "unknown_client"
  | "redirect_uri_missing"
  | "redirect_uri_unknown"
  | "repeated_parameter"
  | "question_is_over"
  | "form_is_foreign"
  | "bad_form"
  | "sign_up_closed"
  | "unavailable"
  | "unexpected"

/** What went wrong and what to do about it; nothing of what was sent stands in it. */
export const errorPage = (words: Words, trouble: Trouble, requestId: string): HttpServerResponse.HttpServerResponse => {
  const { errors } = words
  return page(words, {
    title: errors.title,
    status: statusOf(trouble),
    headers: trouble === "unavailable" ? { "retry-after": "5", "retry-after-ms": "5000" } : {},
    body: html`<div class="card">
      <h1>${errors.title}</h1>
      <p>${errors[trouble]}</p>
      ${isOfClient(trouble) ? html`<p>${errors.toDeveloper}</p>` : undefined}
      <p class="faint">${errors.requestId(requestId)}</p>
    </div>`
  })
}

const isOfClient = (trouble: Trouble): boolean =>
  trouble === "unknown_client" || trouble.startsWith("redirect_uri") || trouble === "repeated_parameter"

const statusOf = (trouble: Trouble): number => {
  switch (trouble) {
    case "form_is_foreign":
      return 403
    case "sign_up_closed":
      return 404
    case "unavailable":
      return 503
    case "unexpected":
      return 500
    default:
      return 400
  }
}
