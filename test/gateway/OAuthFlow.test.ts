import { auth, type OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import * as oauth from "oauth4webapi"
import * as openid from "openid-client"
import { freshDatabase } from "../support/TestDatabase.ts"
import { startRedis } from "../support/Redis.ts"
import { eventually } from "../support/Eventually.ts"
import {
  authorizeUrl,
  callback,
  makeClient,
  makeCode,
  makeToken,
  makeUser,
  postForm,
  startOAuthGateway,
  tokenFields,
  use,
  WebBrowser
} from "./OAuthGateway.ts"

const insecure = { [oauth.allowInsecureRequests]: true }

describe("a client of the real world gets a token that works", () => {
  it.live("oauth4webapi", () =>
    Effect.gen(function* () {
      const gateway = yield* startOAuthGateway()
      const made = yield* makeClient(gateway)
      const user = yield* makeUser(gateway)
      const issuer = new URL(gateway.url)
      const verifier = oauth.generateRandomCodeVerifier()
      const as = yield* Effect.promise(async () =>
        oauth.processDiscoveryResponse(
          issuer,
          await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure })
        )
      )
      const challenge = yield* Effect.promise(() => oauth.calculatePKCECodeChallenge(verifier))
      const state = oauth.generateRandomState()
      const url = authorizeUrl(made.id, { code_challenge: challenge, state })
      const back = yield* new WebBrowser(gateway).authorize(url, user.email)
      const client = { client_id: made.id }
      for (const authentication of [oauth.ClientSecretBasic(made.secret)]) {
        const answer = yield* Effect.promise(async () => {
          const parameters = oauth.validateAuthResponse(as, client, back, state)
          const response = await oauth.authorizationCodeGrantRequest(
            as,
            client,
            authentication,
            parameters,
            callback,
            verifier,
            insecure
          )
          return oauth.processAuthorizationCodeResponse(as, client, response)
        })
        assert.deepInclude(answer, { token_type: "bearer", expires_in: 31_536_000, scope: "inference keys" })
        const reply = yield* Effect.promise(() =>
          gateway.openai(answer.access_token).chat.completions.create({
            model: "sandbox/echo",
            messages: [{ role: "user", content: "Hello" }]
          })
        )
        assert.include(reply.choices[0]?.message.content, "Hello")
        const told = yield* Effect.promise(async () => {
          const basic = oauth.ClientSecretBasic(made.secret)
          const response = await oauth.introspectionRequest(as, client, basic, answer.access_token, insecure)
          const told = await oauth.processIntrospectionResponse(as, client, response)
          const revoked = await oauth.revocationRequest(as, client, basic, answer.access_token, insecure)
          await oauth.processRevocationResponse(revoked)
          return told
        })
        assert.deepInclude(told, { active: true, client_id: made.id, sub: user.id })
        assert.strictEqual(yield* use(gateway, answer.access_token), "token_revoked")
      }
    }).pipe(Effect.scoped)
  )

  it.live("openid-client, with registration", () =>
    Effect.gen(function* () {
      const gateway = yield* startOAuthGateway()
      const user = yield* makeUser(gateway)
      const verifier = openid.randomPKCECodeVerifier()
      const [config, url] = yield* Effect.promise(async () => {
        const config = await openid.dynamicClientRegistration(
          new URL(gateway.url),
          { redirect_uris: [callback], client_name: "openid-client" },
          undefined,
          { algorithm: "oauth2", execute: [openid.allowInsecureRequests] }
        )
        const url = openid.buildAuthorizationUrl(config, {
          redirect_uri: callback,
          code_challenge: await openid.calculatePKCECodeChallenge(verifier),
          code_challenge_method: "S256"
        })
        return [config, url] as const
      })
      const back = yield* new WebBrowser(gateway).authorize(url.href, user.email)
      const answer = yield* Effect.promise(() =>
        openid.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier })
      )
      assert.strictEqual(yield* use(gateway, answer.access_token), 200)
    }).pipe(Effect.scoped)
  )

  it.live("the MCP SDK, by discovery from a refusal, with registration", () =>
    Effect.gen(function* () {
      const gateway = yield* startOAuthGateway()
      const user = yield* makeUser(gateway)
      const kept: { client?: unknown; url?: URL; verifier?: string; token?: string } = {}
      const redirectUrl = "http://localhost:33418/callback"
      const provider: OAuthClientProvider = {
        redirectUrl,
        clientMetadata: {
          client_name: "MCP client",
          redirect_uris: [redirectUrl],
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          token_endpoint_auth_method: "none"
        },
        clientInformation: () => kept.client as never,
        saveClientInformation: (client) => void (kept.client = client),
        tokens: () => undefined,
        saveTokens: ({ access_token }) => void (kept.token = access_token),
        redirectToAuthorization: (url) => void (kept.url = url),
        saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
        codeVerifier: () => kept.verifier ?? ""
      }
      const refusal = yield* gateway.request("/v1/models")
      assert.strictEqual(refusal.status, 401)
      const challenge = refusal.headers.get("www-authenticate") ?? ""
      const resourceMetadataUrl = new URL(/resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? "")
      const serverUrl = `${gateway.url}/v1`
      const first = yield* Effect.promise(() => auth(provider, { serverUrl, resourceMetadataUrl }))
      assert.strictEqual(first, "REDIRECT")
      const back = yield* new WebBrowser(gateway).authorize(kept.url?.href ?? "", user.email)
      assert.strictEqual(back.origin + back.pathname, redirectUrl)
      const authorizationCode = back.searchParams.get("code") ?? ""
      const second = yield* Effect.promise(() =>
        auth(provider, {
          serverUrl,
          resourceMetadataUrl,
          authorizationCode,
          iss: back.searchParams.get("iss") ?? undefined
        } as never)
      )
      assert.strictEqual(second, "AUTHORIZED")
      assert.strictEqual(yield* use(gateway, kept.token ?? ""), 200)
    }).pipe(Effect.scoped)
  )
})

describe("two instances", () => {
  it.live("give one token for fifty requests with one code, and none keeps it after a replay", () =>
    Effect.gen(function* () {
      const databaseUrl = Redacted.make(yield* Effect.orDie(freshDatabase))
      const first = yield* startOAuthGateway({ databaseUrl })
      const second = yield* startOAuthGateway({ databaseUrl, publicUrl: first.url })
      const client = yield* makeClient(first)
      const { code } = yield* makeCode(first, client.id)
      const answers = yield* Effect.all(
        Array.from({ length: 50 }, (_, index) =>
          postForm(index % 2 === 0 ? first : second, "/token", tokenFields(client, code))
        ),
        { concurrency: "unbounded" }
      )
      const won = answers.filter(({ status }) => status === 200)
      assert.strictEqual(won.length, 1)
      for (const { json, status } of answers) {
        if (status !== 200) assert.deepStrictEqual([status, json.error], [400, "invalid_grant"])
      }
    }).pipe(Effect.scoped)
  )

  it.live("refuse within a second what one of them has revoked", () =>
    Effect.gen(function* () {
      const redis = yield* Effect.orDie(startRedis())
      const shared = {
        databaseUrl: Redacted.make(yield* Effect.orDie(freshDatabase)),
        redisUrls: [Redacted.make(redis.url)],
        jwtSecrets: [{ kid: "k", secret: Redacted.make(randomBytes(32).toString("base64")) }]
      }
      const first = yield* startOAuthGateway(shared)
      const second = yield* startOAuthGateway({ ...shared, publicUrl: first.url })
      const { client, code, token } = yield* makeToken(first)
      assert.deepStrictEqual([yield* use(first, token), yield* use(second, token)], [200, 200])
      const replay = yield* postForm(first, "/token", tokenFields(client, code))
      const repliedAt = performance.now()
      assert.strictEqual(replay.json.error, "invalid_grant")
      assert.strictEqual(yield* use(first, token), "token_revoked")
      yield* eventually(Effect.map(use(second, token), (answer) => answer === "token_revoked"))
      assert.isBelow(performance.now() - repliedAt, 1000)
    }).pipe(Effect.scoped)
  )

  it.live("read what was revoked where there is no Redis to tell them", () =>
    Effect.gen(function* () {
      const shared = {
        databaseUrl: Redacted.make(yield* Effect.orDie(freshDatabase)),
        jwtSecrets: [{ kid: "k", secret: Redacted.make(randomBytes(32).toString("base64")) }]
      }
      const first = yield* startOAuthGateway(shared)
      const second = yield* startOAuthGateway({ ...shared, publicUrl: first.url })
      const { client, token } = yield* makeToken(first)
      assert.strictEqual(yield* use(second, token), 200)
      yield* first.admin("DELETE", `/clients/${client.id}`)
      assert.strictEqual(yield* use(first, token), "token_revoked")
      yield* eventually(Effect.map(use(second, token), (answer) => answer === "token_revoked"))
    }).pipe(Effect.scoped)
  )
})
