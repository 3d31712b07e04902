import { Effect, Layer, Redacted } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { hash, randomBytes } from "node:crypto"
import { AccessTokenKeys } from "../../src/auth/AccessTokenKeys.ts"
import { AccessTokenStandings } from "../../src/auth/AccessTokenStandings.ts"
import { AccessTokens } from "../../src/auth/AccessTokens.ts"
import { Passwords } from "../../src/auth/Passwords.ts"
import { Users } from "../../src/auth/Users.ts"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { Attempts } from "../../src/oauth/Attempts.ts"
import { AuthorizationRequests } from "../../src/oauth/AuthorizationRequests.ts"
import { ClientAuthentication } from "../../src/oauth/ClientAuthentication.ts"
import { Clients, type NewClient } from "../../src/oauth/Clients.ts"
import { Codes } from "../../src/oauth/Codes.ts"
import { Consent } from "../../src/oauth/Consent.ts"
import { Grants } from "../../src/oauth/Grants.ts"
import { Introspection } from "../../src/oauth/Introspection.ts"
import { Registration } from "../../src/oauth/Registration.ts"
import { requestParameters } from "../../src/oauth/RequestParameters.ts"
import { Sessions } from "../../src/oauth/Sessions.ts"
import { SignIn } from "../../src/oauth/SignIn.ts"
import { TokenRequests } from "../../src/oauth/TokenRequests.ts"
import { TokenRevocation } from "../../src/oauth/TokenRevocation.ts"
import { Tokens } from "../../src/oauth/Tokens.ts"
import { Secrets } from "../../src/storage/Secrets.ts"
import { layerCheapPasswords, layerLocalRevocations } from "../support/TestAuth.ts"
import { migratedEngines } from "../support/TestDatabase.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

export const jwtSecret = (kid: string) => ({ kid, secret: Redacted.make(randomBytes(32).toString("base64")) })

export const issuer = "https://xrouter.test"

/** The authorization server's rules over a database that has the gateway's tables. */
export const layerOAuth = <A, E, R>(
  database: Layer.Layer<A | SqlClient, E, R>,
  settings: Partial<SettingsValue> = {},
  passwords = Layer.provide(Passwords.layer, layerCheapPasswords)
) =>
  Layer.mergeAll(
    AuthorizationRequests.layer,
    SignIn.layer,
    TokenRequests.layer,
    TokenRevocation.layer,
    Introspection.layer,
    Registration.layerNoDeps,
    Users.layerNoDeps
  ).pipe(
    Layer.provideMerge([ClientAuthentication.layer, Consent.layer, Codes.layer, Sessions.layer, Tokens.layer]),
    Layer.provideMerge([Clients.layerNoDeps, Grants.layerNoDeps, Attempts.layer, AccessTokens.layerNoDeps]),
    Layer.provideMerge([AccessTokenKeys.layer, AccessTokenStandings.layer, layerLocalRevocations]),
    Layer.provideMerge(passwords),
    Layer.provideMerge(Layer.succeed(Secrets, { adminKey: undefined, jwtSecrets: [jwtSecret("one")] })),
    Layer.provideMerge(database),
    Layer.provide(layerTestSettings({ publicUrl: issuer, clientRegistration: "open", ...settings }))
  )

export const oauthEngines = migratedEngines.map(([name, database]) => [name, layerOAuth(database)] as const)

export const password = "correct horse battery staple"

export const someUser = Effect.gen(function* () {
  const users = yield* Users
  const email = `${crypto.randomUUID()}@example.org`
  return yield* users.create({ email, password: Redacted.make(password) })
})

/** A user without a password costs no derivation of one. */
export const someSession = Effect.gen(function* () {
  const users = yield* Users
  const sessions = yield* Sessions
  const { id } = yield* users.create({ email: `${crypto.randomUUID()}@example.org` })
  const secret = Redacted.value(yield* sessions.start(id))
  const session = yield* sessions.find(secret)
  return session === undefined ? yield* Effect.die("A new session was not found") : { secret, session }
})

export const callback = "https://app.example/callback"

export const someClient = Effect.fnUntraced(function* (options: Partial<NewClient> = {}) {
  const { client, secret } = yield* (yield* Clients).create({
    name: "Some app",
    redirectUris: [callback],
    scopes: ["inference", "keys"],
    ...options
  })
  return { client, secret: secret === undefined ? undefined : Redacted.value(secret) }
})

export const verifier = "a-verifier-of-the-tests-that-is-long-enough-0123456789"

export const challengeOf = (text: string): string => hash("sha256", text, "base64url")

export const query = (parameters: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>): string =>
  Object.entries(parameters)
    .flatMap(([name, value]) => (value === undefined ? [] : [value].flat().map((each) => [name, each] as const)))
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&")

export const parameters = (...given: Parameters<typeof query>) => requestParameters(query(...given))

/** The parameters of an authorization request that nothing is wrong with, but for what is changed. */
export const asking = (clientId: string, changes: Parameters<typeof query>[0] = {}) => ({
  response_type: "code",
  client_id: clientId,
  redirect_uri: callback,
  code_challenge: challengeOf(verifier),
  code_challenge_method: "S256",
  ...changes
})

/** A code of a new user, as the client gets it. */
export const someCode = Effect.fnUntraced(function* (clientId: string, changes: Parameters<typeof query>[0] = {}) {
  const { session } = yield* someSession
  const request = yield* (yield* AuthorizationRequests).read(parameters(asking(clientId, changes)))
  const code = yield* (yield* Codes).issue(session, request)
  if (code === undefined) return yield* Effect.die("No code was issued")
  return { code: Redacted.value(code), session }
})

/** What a confidential client sends to the token endpoint, but for what is changed. */
export const exchanging = (
  client: { readonly client: { readonly id: string }; readonly secret: string | undefined },
  code: string,
  changes: Parameters<typeof query>[0] = {}
) => ({
  authorization: undefined,
  address: "192.0.2.1",
  parameters: parameters({
    grant_type: "authorization_code",
    client_id: client.client.id,
    client_secret: client.secret,
    code,
    redirect_uri: callback,
    code_verifier: verifier,
    ...changes
  })
})

/** A whole flow, up to the token. */
export const someToken = Effect.fnUntraced(function* (changes: Parameters<typeof query>[0] = {}) {
  const client = yield* someClient()
  const { code, session } = yield* someCode(client.client.id, changes)
  const { token } = yield* (yield* TokenRequests).exchange(exchanging(client, code))
  return { client, code, session, token: Redacted.value(token) }
})
