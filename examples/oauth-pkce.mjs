// A program on its user's device signs the user in: authorization code with PKCE (RFC 7636, RFC 8252), and no secret.
//
//   node oauth-pkce.mjs <client id>     a public client that has the redirect URI http://127.0.0.1/callback
//   node oauth-pkce.mjs                 where clients may register themselves
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:http"

const base = process.env.XROUTER_URL ?? "http://127.0.0.1:8080"

const ask = async (url, init) => {
  const response = await fetch(url, init)
  const answer = await response.json()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${JSON.stringify(answer)}`)
  return answer
}

const server = await ask(`${base}/.well-known/oauth-authorization-server`)

// The answer comes to any free port of this device: of a loopback address only the port may differ.
const listener = createServer().listen(0, "127.0.0.1")
await once(listener, "listening")
const redirectUri = `http://127.0.0.1:${listener.address().port}/callback`

const register = async () => {
  if (server.registration_endpoint === undefined) throw new Error("Clients cannot register here: give a client id")
  const client = await ask(server.registration_endpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "OAuth example",
      redirect_uris: ["http://127.0.0.1/callback"],
      token_endpoint_auth_method: "none"
    })
  })
  return client.client_id
}
const clientId = process.argv[2] ?? (await register())

const verifier = randomBytes(32).toString("base64url")
const state = randomBytes(16).toString("base64url")
const authorization = new URL(server.authorization_endpoint)
authorization.search = new URLSearchParams({
  response_type: "code",
  client_id: clientId,
  redirect_uri: redirectUri,
  scope: "inference",
  state,
  code_challenge: createHash("sha256").update(verifier).digest("base64url"),
  code_challenge_method: "S256"
}).toString()
process.stdout.write(`Open this in a browser:\n${authorization}\n`)

const answered = new Promise((resolve) => {
  listener.on("request", (request, response) => {
    const url = new URL(request.url, redirectUri)
    // Browsers ask for an icon as well.
    if (url.pathname !== "/callback") return response.writeHead(404).end()
    response.end("You can close this page.")
    resolve(url.searchParams)
  })
})
const answer = await answered
listener.close()

// What is not the answer to our question, or not of this server, is somebody else's (RFC 9207).
if (answer.get("state") !== state || answer.get("iss") !== server.issuer) throw new Error("This answer is not ours")
if (answer.get("error") !== null) throw new Error(`${answer.get("error")}: ${answer.get("error_description")}`)

const { access_token: token } = await ask(server.token_endpoint, {
  method: "POST",
  body: new URLSearchParams({
    grant_type: "authorization_code",
    client_id: clientId,
    code: answer.get("code"),
    redirect_uri: redirectUri,
    code_verifier: verifier
  })
})

// The token stands where an API key would; keep it as you would keep a password.
const models = await ask(`${base}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
process.stdout.write(`Models: ${models.data.map(({ id }) => id).join(", ")}\n`)
