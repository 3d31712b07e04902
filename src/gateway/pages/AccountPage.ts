import type { HttpServerResponse } from "effect/http"
import type { ApiKeyRecord } from "../../auth/ApiKeyRecord.ts"
import type { Grant } from "../../oauth/Grants.ts"
import { type Html, html } from "./Html.ts"
import { page } from "./Page.ts"
import type { Words } from "./Words.ts"

export interface AccountView {
  readonly base: string
  readonly formToken: string
  readonly email: string
  /** The user has just signed up, and is told what next. */
  readonly isNew: boolean
  readonly grants: ReadonlyArray<Grant>
  readonly keys: ReadonlyArray<ApiKeyRecord>
}

/** What has access to a user's account, each with a button that takes it away. */
export const accountPage = (words: Words, view: AccountView): HttpServerResponse.HttpServerResponse => {
  const { account } = words
  const date = dateIn(words)

  const revoke = (kind: "client" | "token" | "key", id: string, label: string, name: string) =>
    html`<form method="post" action="${view.base}/account">
      <input type="hidden" name="csrf" value="${view.formToken}" />
      <input type="hidden" name="kind" value="${kind}" />
      <input type="hidden" name="id" value="${id}" />
      <button class="small" type="submit" aria-label="${label}: ${name}">${label}</button>
    </form>`

  const application = (grants: ReadonlyArray<Grant>): Html | undefined => {
    const [latest] = grants
    if (latest === undefined) return undefined
    const { clientId, clientName } = latest
    const scopes = new Set(grants.flatMap((grant) => grant.scopes))
    const tokens = grants.flatMap((grant) => grant.tokens)
    return html`<div class="card">
      <div class="row">
        <div>
          <h2>${clientName}</h2>
          <p class="faint">${account.since(date(latest.createdAt))}</p>
        </div>
        ${revoke("client", clientId, account.revokeAll, clientName)}
      </div>
      <ul>
        ${[...scopes].map((scope) => html`<li>${words.scopes[scope]}</li>`)}
      </ul>
      <h3>${account.tokens}</h3>
      ${
        tokens.length === 0
          ? html`<p class="faint">${account.noTokens}</p>`
          : html`<ul class="rows">
              ${tokens.map((token) => {
                const text = account.token(date(token.issuedAt), date(token.expiresAt))
                return html`<li>
                  <div class="row"><span>${text}</span>${revoke("token", token.id, account.revoke, text)}</div>
                </li>`
              })}
            </ul>`
      }
    </div>`
  }

  const key = (record: ApiKeyRecord) =>
    html`<li>
      <div class="row">
        <span
          ><strong>${record.name}</strong><br />
          <code>${record.prefix}…</code><br />
          <span class="faint"
            >${record.lastUsedAt === undefined ? account.unused : account.used(date(record.lastUsedAt))}</span
          ></span
        >
        ${revoke("key", record.id, account.revoke, record.name)}
      </div>
    </li>`

  const byClient = Map.groupBy(view.grants, ({ clientId }) => clientId)
  return page(words, {
    title: account.title,
    isWide: true,
    body: html`${view.isNew ? html`<p class="welcome" role="status">${account.welcome}</p>` : undefined}
      <div class="card">
        <div class="row">
          <div>
            <h1>${account.title}</h1>
            <p class="faint">${view.email}</p>
          </div>
          <form method="post" action="${view.base}/logout">
            <input type="hidden" name="csrf" value="${view.formToken}" />
            <button type="submit">${account.signOut}</button>
          </form>
        </div>
        <p class="faint">${account.signOutMeans}</p>
      </div>
      <h2>${account.applications}</h2>
      ${
        byClient.size === 0
          ? html`<p class="faint">${account.noApplications}</p>`
          : [...byClient.values()].flatMap((grants) => application(grants) ?? [])
      }
      <h2>${account.keys}</h2>
      ${
        view.keys.length === 0
          ? html`<p class="faint">${account.noKeys}</p>`
          : html`<div class="card">
              <ul class="rows">
                ${view.keys.map(key)}
              </ul>
            </div>`
      }`
  })
}

const dateIn = ({ language }: Words) => {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" })
  return (millis: number) => format.format(millis)
}
