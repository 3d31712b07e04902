import { Console, Effect, FileSystem, Layer, Redacted } from "effect"
import { HttpServer } from "effect/http"
import { ApiKeys } from "./auth/ApiKeys.ts"
import { Users } from "./auth/Users.ts"
import { PrimaryLink } from "./cluster/PrimaryLink.ts"
import { Settings } from "./config/Settings.ts"

/** Whose the first key is: nobody's address, since the domain is reserved (RFC 6762, section 3). */
const firstUser = "admin@xrouter.local"
/** Enough for a person who tries things out, and not without limits, so that they can be seen at work. */
const firstTier = "pro"

/** The first embedded start makes a user with one API key; undefined at every other start. */
const firstKey = Effect.gen(function* () {
  const { databaseUrl, tiers } = yield* Settings
  const users = yield* Users
  const keys = yield* ApiKeys
  if (databaseUrl !== undefined) return undefined
  const { data } = yield* users.list({ limit: 1 })
  if (data.length > 0) return undefined
  const tier = tiers.has(firstTier) ? firstTier : undefined
  const user = yield* users.create({ email: firstUser, tier })
  return (yield* keys.create({ userId: user.id, name: "first", tier })).key
})

/**
 * Says where the gateway is: in the log, and in embedded mode in the data folder too, where `xrouter` looks for it. The first
 * key is shown once, on the terminal and not in the log, in a command that works as pasted; it is made only now that the
 * gateway listens, since a start that came to nothing would take it along. A worker tells its primary instead, which speaks for all.
 */
export const Announcement = Layer.effectDiscard(
  Effect.gen(function* () {
    const settings = yield* Settings
    const { address } = yield* HttpServer.HttpServer
    const port = address._tag === "UnixPathAddress" ? settings.port : address.port
    const host = settings.host.includes(":") ? `[${settings.host}]` : settings.host
    const url = settings.port === port ? settings.publicUrl : `http://${host}:${port}`
    if (settings.databaseUrl === undefined) {
      const fs = yield* FileSystem.FileSystem
      yield* fs.writeFileString(gatewayUrlFile(settings.dataDir), `${url}\n`, { mode: 0o600 })
    }
    const key = yield* firstKey
    const primary = yield* PrimaryLink
    const listens = `http://${host}:${port}`
    if (primary !== undefined) return yield* primary.tell({ _tag: "Listening", url: listens })
    yield* Effect.logInfo(`XRouter listens on ${listens}`)
    if (key !== undefined) yield* Console.log(welcome(url, Redacted.value(key)))
  })
)

/** Where embedded mode keeps the gateway's URL, for a client on the same machine. */
export const gatewayUrlFile = (dataDir: string): string => `${dataDir}/gateway.url`

const welcome = (url: string, key: string): string => `
  Your first API key, shown this once (\`npm run -s xrouter -- keys create\` makes more). Try it:

  curl ${url}/v1/chat/completions \\
    -H "Authorization: Bearer ${key}" \\
    -H "Content-Type: application/json" \\
    -d '{"model": "sandbox/echo", "messages": [{"role": "user", "content": "Hello!"}]}'
`
