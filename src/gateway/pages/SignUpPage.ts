import type { HttpServerResponse } from "effect/http"
import { loginPath, signUpPath, withReturn } from "../OAuthPaths.ts"
import { credentialsForm, type CredentialsView } from "./CredentialsForm.ts"
import { html } from "./Html.ts"
import { page } from "./Page.ts"
import type { Words } from "./Words.ts"

export interface SignUpView extends CredentialsView {
  readonly failure?: "bad_email" | "bad_password" | "taken" | { readonly retryAfterSeconds: number } | undefined
}

export const signUpPage = (words: Words, view: SignUpView): HttpServerResponse.HttpServerResponse => {
  const { signIn, signUp } = words
  const { failure } = view
  const wait = typeof failure === "object" ? failure.retryAfterSeconds : undefined
  const notice =
    failure === undefined
      ? undefined
      : typeof failure === "object"
        ? signIn.tooMany(failure.retryAfterSeconds)
        : signUp[failure]
  const form = credentialsForm(view, {
    title: signUp.title,
    notice,
    action: signUpPath,
    submit: signUp.submit,
    fields: html`<label
        >${signIn.email}<input
          type="email"
          name="email"
          value="${view.email ?? ""}"
          maxlength="254"
          autocomplete="username"
          required
          autofocus
      /></label>
      <label
        >${signIn.password}<input
          type="password"
          name="password"
          minlength="8"
          maxlength="1024"
          autocomplete="new-password"
          aria-describedby="password-rule"
          required
      /></label>
      <p class="faint hint" id="password-rule">${signUp.passwordRule}</p>`
  })
  return page(words, {
    title: signUp.title,
    status: failure === undefined ? 200 : wait !== undefined ? 429 : failure === "taken" ? 409 : 400,
    formTargets: view.formTargets,
    headers: wait === undefined ? {} : { "retry-after": String(wait) },
    body: html`${form}
      <p class="faint">
        ${signUp.haveAccount} <a href="${view.base}${withReturn(loginPath, view.returnTo)}">${signIn.title}</a>
      </p>`
  })
}
