import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { Client } from "../oauth/Client.ts"
import { Clients } from "../oauth/Clients.ts"
import { Api } from "./Api.ts"

export const ClientsHandlers = HttpApiBuilder.group(
  Api,
  "clients",
  Effect.fn(function* (handlers) {
    const clients = yield* Clients

    return handlers.handleAll({
      listClients: ({ query }) =>
        Effect.map(clients.list(query), ({ data, nextCursor }) => ({
          data: data.map(clientBody),
          next_cursor: nextCursor ?? null
        })),
      createClient: ({ payload: { redirect_uris, ...wish } }) =>
        Effect.map(clients.create({ ...wish, redirectUris: redirect_uris }), ({ client, secret }) => ({
          ...clientBody(client),
          ...(secret !== undefined && { client_secret: secret })
        })),
      getClient: ({ params }) => Effect.map(clients.get(params.id), clientBody),
      updateClient: ({ params, payload: { redirect_uris, ...changes } }) =>
        Effect.map(clients.update(params.id, { ...changes, redirectUris: redirect_uris }), clientBody),
      deleteClient: ({ params }) => clients.remove(params.id)
    })
  })
)

const clientBody = (client: Client) => ({
  client_id: client.id,
  name: client.name,
  redirect_uris: client.redirectUris,
  confidential: client.isConfidential,
  scopes: client.scopes,
  dynamic: client.isDynamic,
  created_at: client.createdAt,
  last_used_at: client.lastUsedAt ?? null
})
