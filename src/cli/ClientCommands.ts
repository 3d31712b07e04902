import { Console, Effect, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { scopes } from "../domain/Principal.ts"
import { ClientBody, ClientPage, CreatedClient } from "../gateway/ClientsApi.ts"
import { AdminClient } from "./AdminClient.ts"
import { printFields, printJson, printPage, time } from "./Output.ts"
import { cursor, json, limit, orUndefined, pageQuery } from "./Parameters.ts"

const id = Argument.String("client").pipe(Argument.withDescription("Id of the client, client_…"))

const redirectUris = Flag.String("redirect-uri").pipe(
  Flag.withMetavar("uri"),
  Flag.withDescription("Where users may be sent back to; may be repeated"),
  Flag.atLeast(0)
)

const scope = Flag.Literals("scope", scopes).pipe(
  Flag.withDescription("What it may ask for, inference where nothing is said; may be repeated"),
  Flag.atLeast(0)
)

const list = Command.make(
  "list",
  { limit, cursor, json },
  Effect.fn(function* ({ cursor, json, limit }) {
    const { ask } = yield* AdminClient
    const page = yield* ask((admin) => admin.listClients({ query: pageQuery({ cursor, limit }) }))
    const rowOf = (client: typeof ClientBody.Type) => {
      const { created, id, kind, name, scopes, used } = fieldsOf(client)
      return { id, name, kind, scopes, created, used }
    }
    yield* printPage(ClientPage, page, { json, rowOf, whenEmpty: "There are no clients" })
  })
).pipe(Command.withDescription("List the OAuth clients, newest first"))

const create = Command.make(
  "create",
  {
    name: Argument.String("name").pipe(Argument.withDescription("What users see of it")),
    redirectUris,
    scope,
    isPublic: Flag.Boolean("public").pipe(
      Flag.withDescription("It can keep no secret: a program on its user's device, a page in a browser"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fn(function* ({ isPublic, json, name, redirectUris, scope }) {
    const { ask } = yield* AdminClient
    const payload = {
      name,
      redirect_uris: redirectUris,
      confidential: !isPublic,
      ...(scope.length > 0 && { scopes: scope })
    }
    const created = yield* ask((admin) => admin.createClient({ payload }))
    if (json) return yield* printJson(CreatedClient, created)
    const { client_id: clientId, client_secret: secret } = created
    if (secret === undefined) {
      yield* Console.error(`Created ${clientId}, which has no secret. Its id:`)
      yield* Console.log(clientId)
      return
    }
    yield* Console.error(`Created ${clientId}. Its secret is shown this once:`)
    yield* Console.log(Redacted.value(secret))
  })
).pipe(
  Command.withDescription("Create an OAuth client and show its secret, once"),
  Command.withExamples([
    {
      command: 'xrouter clients create "Web app" --redirect-uri https://app.example.com/callback --scope inference',
      description: "An application on a server"
    },
    {
      command: "xrouter clients create Desktop --redirect-uri http://127.0.0.1/callback --public",
      description: "A program that listens on whatever port is free"
    }
  ])
)

const show = Command.make(
  "show",
  { id, json },
  Effect.fn(function* ({ id, json }) {
    const { ask } = yield* AdminClient
    yield* print(yield* ask((admin) => admin.getClient({ params: { id } })), json)
  })
).pipe(Command.withDescription("Show a client's settings"))

const update = Command.make(
  "update",
  {
    id,
    name: Flag.String("name").pipe(Flag.withDescription("New name"), orUndefined),
    redirectUris,
    scope,
    json
  },
  Effect.fn(function* ({ id, json, name, redirectUris, scope }) {
    const { ask } = yield* AdminClient
    const payload = {
      ...(name !== undefined && { name }),
      ...(redirectUris.length > 0 && { redirect_uris: redirectUris }),
      ...(scope.length > 0 && { scopes: scope })
    }
    yield* print(yield* ask((admin) => admin.updateClient({ params: { id }, payload })), json)
  })
).pipe(Command.withDescription("Change a client; URIs and scopes are replaced as a whole"))

const remove = Command.make(
  "delete",
  { id },
  Effect.fn(function* ({ id }) {
    const { ask } = yield* AdminClient
    yield* ask((admin) => admin.deleteClient({ params: { id } }))
    yield* Console.error(`Deleted ${id}; its tokens are revoked`)
  })
).pipe(Command.withDescription("Delete a client and revoke its tokens"))

export const clients = Command.make("clients").pipe(
  Command.withDescription("OAuth clients of a running gateway"),
  Command.withSubcommands([list, create, show, update, remove]),
  Command.provide(AdminClient.layer)
)

const fieldsOf = (client: typeof ClientBody.Type) => ({
  id: client.client_id,
  name: client.name,
  kind: `${client.confidential ? "confidential" : "public"}${client.dynamic ? ", registered itself" : ""}`,
  scopes: client.scopes.join(", "),
  redirects: client.redirect_uris.join(", "),
  created: time(client.created_at),
  used: time(client.last_used_at)
})

const print = (client: typeof ClientBody.Type, json: boolean) =>
  json ? printJson(ClientBody, client) : printFields(fieldsOf(client))
