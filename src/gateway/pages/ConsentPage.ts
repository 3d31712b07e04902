import type { HttpServerResponse } from "effect/http"
import type { AuthorizationRequest } from "../../oauth/AuthorizationRequest.ts"
import { formTarget, hostOf } from "../../oauth/RedirectUri.ts"
import { html } from "./Html.ts"
import { page } from "./Page.ts"
import type { Words } from "./Words.ts"

export interface ConsentView {
  readonly base: string
  readonly formToken: string
  /** Id of the question, which is kept on our side. */
  readonly questionId: string
  readonly email: string
  readonly request: AuthorizationRequest
}

/** Who asks, for what, and who gets the answer. */
export const consentPage = (words: Words, view: ConsentView): HttpServerResponse.HttpServerResponse => {
  const { consent } = words
  const { client, redirectUri, scopes } = view.request
  const host = hostOf(redirectUri)
  const place = host.endsWith(":") ? `${consent.program} (${host})` : host
  return page(words, {
    title: consent.title(client.name),
    formTargets: [formTarget(redirectUri)],
    body: html`<div class="card">
        <h1>${consent.title(client.name)}</h1>
        <p class="faint">${consent.signedInAs(view.email)}</p>
        <p>${consent.asks}</p>
        <ul>
          ${scopes.map((scope) => html`<li>${words.scopes[scope]}</li>`)}
        </ul>
        <p>${consent.sendsTo}<br /><strong>${place}</strong></p>
        ${client.isDynamic ? html`<p class="notice">${consent.unverified}</p>` : undefined}
        <form method="post" action="${view.base}/authorize">
          <input type="hidden" name="csrf" value="${view.formToken}" />
          <input type="hidden" name="request" value="${view.questionId}" />
          <div class="choice">
            <button type="submit" name="decision" value="deny">${consent.deny}</button>
            <button class="main" type="submit" name="decision" value="approve">${consent.approve}</button>
          </div>
        </form>
      </div>
      <p class="faint">${consent.later}</p>`
  })
}
