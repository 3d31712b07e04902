import type { HttpServerResponse } from "effect/http"
import { loginPath, signUpPath, withReturn } from "../OAuthPaths.ts"
import { credentialsForm, type CredentialsView } from "./CredentialsForm.ts"
import { html } from "./Html.ts"
import { page } from "./Page.ts"
import type { Words } from "./Words.ts"

export interface SignInView extends CredentialsView {
  readonly isSignUpOpen: boolean
  readonly failure?: "wrong" | { readonly retryAfterSeconds: number } | undefined
}

export const signInPage = (words: Words, view: SignInView): HttpServerResponse.HttpServerResponse => {
  const { signIn, signUp } = words
  const { failure } = view
  const notice =
    failure === undefined ? undefined : failure === "wrong" ? signIn.wrong : signIn.tooMany(failure.retryAfterSeconds)
  const form = credentialsForm(view, {
    title: signIn.title,
    notice,
    action: loginPath,
    submit: signIn.submit,
    fields: html`<label
        >${signIn.email}<input
          type="email"
          name="email"
          value="${view.email ?? ""}"
          autocomplete="username"
          required
          ${view.email === undefined ? focused : undefined}
      /></label>
      <label
        >${signIn.password}<input
          type="password"
          name="password"
          autocomplete="current-password"
          required
          ${view.email === undefined ? undefined : focused}
      /></label>`
  })
  return page(words, {
    title: signIn.title,
    status: failure === undefined ? 200 : failure === "wrong" ? 401 : 429,
    formTargets: view.formTargets,
    headers:
      failure === undefined
        ? {}
        : failure === "wrong"
          ? { "www-authenticate": 'Bearer realm="xrouter"' }
          : { "retry-after": String(failure.retryAfterSeconds) },
    body: html`${form}
      ${
        view.isSignUpOpen
          ? html`<p class="faint">
              ${signUp.noAccount} <a href="${view.base}${withReturn(signUpPath, view.returnTo)}">${signUp.title}</a>
            </p>`
          : undefined
      }
      <p class="faint">${view.isSignUpOpen ? signIn.forgottenPassword : signIn.forgotten}</p>`
  })
}

/** Where one goes on to type: in the password, once the email stands there. */
const focused = html`autofocus`
