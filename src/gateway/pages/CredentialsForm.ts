import { type Html, html } from "./Html.ts"

/** What the pages of signing in and up are both shown with. */
export interface CredentialsView {
  readonly base: string
  readonly formToken: string
  /** Where to go afterwards; a path of ours. */
  readonly returnTo: string | undefined
  readonly formTargets: ReadonlyArray<string>
  readonly email?: string | undefined
}

/** The card with their form: what was wrong with the one before, what is sent along unseen, these fields and one button. */
export const credentialsForm = (
  { base, formToken, returnTo }: CredentialsView,
  form: {
    readonly title: string
    readonly notice: string | undefined
    /** A path of ours. */
    readonly action: string
    readonly fields: Html
    readonly submit: string
  }
): Html =>
  html`<div class="card">
    <h1>${form.title}</h1>
    ${form.notice === undefined ? undefined : html`<p class="notice" role="alert">${form.notice}</p>`}
    <form method="post" action="${base}${form.action}">
      <input type="hidden" name="csrf" value="${formToken}" />
      ${returnTo === undefined ? undefined : html`<input type="hidden" name="return_to" value="${returnTo}" />`}
      ${form.fields}
      <button class="main full" type="submit">${form.submit}</button>
    </form>
  </div>`
