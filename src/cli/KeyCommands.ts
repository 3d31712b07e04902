import { Console, Effect, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CreatedKey, KeyBody, KeyPage, Timestamp } from "../gateway/AdminApi.ts"
import { AdminClient } from "./AdminClient.ts"
import { printFields, printJson, printPage, time } from "./Output.ts"
import { cursor, json, limit, orUndefined, pageQuery } from "./Parameters.ts"
import { findUser, onlyUser } from "./UserByName.ts"

const id = Argument.String("key").pipe(Argument.withDescription("Id of the key, key_…"))

const bound = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withDescription(description),
    Flag.filter(
      (limit) => limit >= 1,
      () => "Expected a whole number, at least 1"
    ),
    orUndefined
  )

const bounds = {
  rpm: bound("rpm", "Requests per minute"),
  rpd: bound("rpd", "Requests per UTC day"),
  tpm: bound("tpm", "Tokens per minute"),
  tpd: bound("tpd", "Tokens per UTC day"),
  concurrency: bound("concurrency", "Requests at once")
}

const several = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

const settings = {
  ...bounds,
  tier: Flag.String("tier").pipe(Flag.withDescription("Its own tier, instead of its user's"), orUndefined),
  models: several("model", "name", "A model it may use, instead of all; may be repeated"),
  networks: several("allow-ip", "network", "A network it may come from, instead of all; may be repeated"),
  expiresAt: Flag.String("expires-at").pipe(
    Flag.withMetavar("time"),
    Flag.withDescription("When it ends: 2030-01-31 or 2030-01-31T12:00:00Z"),
    Flag.withSchema(Timestamp),
    orUndefined
  )
}

type Given<Flags> = { readonly [Name in keyof Flags]: Flags[Name] extends Flag.Flag<infer A> ? A : never }

const limitsOf = ({ concurrency, rpd, rpm, tpd, tpm }: Given<typeof bounds>) => ({
  ...(rpm !== undefined && { rpm }),
  ...(rpd !== undefined && { rpd }),
  ...(tpm !== undefined && { tpm }),
  ...(tpd !== undefined && { tpd }),
  ...(concurrency !== undefined && { concurrency })
})

const settingsOf = ({ expiresAt, models, networks, tier }: Given<typeof settings>) => ({
  ...(tier !== undefined && { tier }),
  ...(models.length > 0 && { models }),
  ...(networks.length > 0 && { allowed_ips: networks }),
  ...(expiresAt !== undefined && { expires_at: expiresAt })
})

const list = Command.make(
  "list",
  {
    user: Flag.String("user").pipe(Flag.withDescription("Only those of a user, by id or e-mail address"), orUndefined),
    limit,
    cursor,
    json
  },
  Effect.fn(function* ({ cursor, json, limit, user }) {
    const { ask } = yield* AdminClient
    const query = {
      ...pageQuery({ cursor, limit }),
      ...(user !== undefined && { user_id: (yield* findUser(user)).id })
    }
    const page = yield* ask((admin) => admin.listKeys({ query }))
    const rowOf = (key: typeof KeyBody.Type) => {
      const { created, expires, id, name, prefix, tier, used, user } = fieldsOf(key)
      return { id, name, prefix, tier, user, created, expires, used }
    }
    yield* printPage(KeyPage, page, { json, rowOf, whenEmpty: "There are no keys" })
  })
).pipe(Command.withDescription("List the keys, newest first"))

const create = Command.make(
  "create",
  {
    user: Flag.String("user").pipe(
      Flag.withDescription("Whose key: id or e-mail address; may be left out where there is one user"),
      orUndefined
    ),
    name: Flag.String("name").pipe(Flag.withDescription("What it is for"), Flag.withDefault("xrouter keys create")),
    ...settings,
    json
  },
  Effect.fn(function* ({ json, name, user, ...given }) {
    const { ask } = yield* AdminClient
    const owner = user === undefined ? yield* onlyUser() : yield* findUser(user)
    const payload = { user_id: owner.id, name, ...settingsOf(given), limits: limitsOf(given) }
    const created = yield* ask((admin) => admin.createKey({ payload }))
    if (json) return yield* printJson(CreatedKey, created)
    yield* Console.error(`${created.id}, a key of ${owner.email}, tier ${created.tier}. It is shown this once:`)
    yield* Console.log(Redacted.value(created.key))
  })
).pipe(
  Command.withDescription("Create a key and show it, once"),
  Command.withExamples([
    { command: "xrouter keys create", description: "A key of the only user" },
    {
      command: "xrouter keys create --user ann@example.com --name ci --rpm 10 --model gigachat/GigaChat-2",
      description: "A key with bounds of its own"
    }
  ])
)

const show = Command.make(
  "show",
  { id, json },
  Effect.fn(function* ({ id, json }) {
    const { ask } = yield* AdminClient
    yield* print(yield* ask((admin) => admin.getKey({ params: { id } })), json)
  })
).pipe(Command.withDescription("Show a key's settings"))

const clear = Flag.Literals("clear", ["tier", "limits", "models", "allowed_ips", "expires_at"]).pipe(
  Flag.withDescription("Take a setting away; may be repeated"),
  Flag.atLeast(0)
)

const update = Command.make(
  "update",
  {
    id,
    name: Flag.String("name").pipe(Flag.withDescription("New name"), orUndefined),
    ...settings,
    clear,
    json
  },
  Effect.fn(function* ({ clear, id, json, name, ...given }) {
    const { ask } = yield* AdminClient
    const limits = limitsOf(given)
    // The gateway replaces limits as a whole; a person who changes one means to keep the others.
    const kept = clear.includes("limits") ? {} : (yield* ask((admin) => admin.getKey({ params: { id } }))).limits
    const payload = {
      ...Object.fromEntries(clear.map((setting) => [setting, null])),
      ...(name !== undefined && { name }),
      ...settingsOf(given),
      ...(Object.keys(limits).length > 0 && { limits: { ...kept, ...limits } })
    }
    yield* print(yield* ask((admin) => admin.updateKey({ params: { id }, payload })), json)
  })
).pipe(Command.withDescription("Change a key's settings"))

const revoke = Command.make(
  "revoke",
  { id },
  Effect.fn(function* ({ id }) {
    const { ask } = yield* AdminClient
    yield* ask((admin) => admin.revokeKey({ params: { id } }))
    yield* Console.error(`Revoked ${id}`)
  })
).pipe(Command.withDescription("Revoke a key at once"))

export const keys = Command.make("keys").pipe(
  Command.withDescription("API keys of a running gateway"),
  Command.withSubcommands([list, create, show, update, revoke]),
  Command.provide(AdminClient.layer)
)

const fieldsOf = (key: typeof KeyBody.Type) => ({
  id: key.id,
  name: key.name,
  prefix: `${key.prefix}…`,
  tier: key.tier,
  user: key.user_id,
  limits: Object.entries(key.limits)
    .map(([name, limit]) => `${name} ${limit}`)
    .join(", "),
  models: key.models?.join(", ") ?? "all",
  networks: key.allowed_ips?.join(", ") ?? "all",
  created: time(key.created_at),
  expires: time(key.expires_at),
  used: time(key.last_used_at)
})

const print = (key: typeof KeyBody.Type, json: boolean) => (json ? printJson(KeyBody, key) : printFields(fieldsOf(key)))
