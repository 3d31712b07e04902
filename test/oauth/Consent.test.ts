import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { AuthorizationRequests } from "../../src/oauth/AuthorizationRequests.ts"
import { Clients } from "../../src/oauth/Clients.ts"
import { Codes } from "../../src/oauth/Codes.ts"
import { Consent } from "../../src/oauth/Consent.ts"
import { Grants } from "../../src/oauth/Grants.ts"
import { Registration } from "../../src/oauth/Registration.ts"
import { Sessions } from "../../src/oauth/Sessions.ts"
import {
  asking,
  callback,
  issuer,
  oauthEngines,
  parameters,
  type query,
  someClient,
  someSession
} from "./authorizing.ts"

const requestOf = (clientId: string, changes: Parameters<typeof query>[0] = {}) =>
  Effect.flatMap(AuthorizationRequests, (requests) => requests.read(parameters(asking(clientId, changes))))

for (const [engine, oauth] of oauthEngines) {
  layer(oauth)(`Consent on ${engine}`, (it) => {
    it.effect("is asked and answered once, about what was asked", () =>
      Effect.gen(function* () {
        const [consent, { session }, { client }] = [yield* Consent, yield* someSession, yield* someClient()]
        const request = yield* requestOf(client.id, { scope: "inference keys", state: "é&=", resource: issuer })
        const id = yield* consent.ask(session, request)
        assert.deepStrictEqual(yield* consent.take(session, id), request)
        assert.isUndefined(yield* consent.take(session, id))
      })
    )

    it.effect("of another session, or of an id that is none, is not there", () =>
      Effect.gen(function* () {
        const [consent, one, other] = [yield* Consent, yield* someSession, yield* someSession]
        const { client } = yield* someClient()
        const id = yield* consent.ask(one.session, yield* requestOf(client.id))
        for (const text of ["", "x", "\0", client.id, "request_00000000000000000000000000"]) {
          assert.isUndefined(yield* consent.take(one.session, text))
        }
        assert.isUndefined(yield* consent.take(other.session, id))
        assert.isDefined(yield* consent.take(one.session, id))
      })
    )

    it.effect("is to be given within ten minutes", () =>
      Effect.gen(function* () {
        const [consent, { session }, { client }] = [yield* Consent, yield* someSession, yield* someClient()]
        const request = yield* requestOf(client.id)
        const [early, late] = [yield* consent.ask(session, request), yield* consent.ask(session, request)]
        yield* TestClock.adjust("599 seconds")
        assert.isDefined(yield* consent.take(session, early))
        yield* TestClock.adjust("1 second")
        assert.isUndefined(yield* consent.take(session, late))
      })
    )

    it.effect("counts for nothing when the client has changed meanwhile", () =>
      Effect.gen(function* () {
        const [consent, clients, { session }] = [yield* Consent, yield* Clients, yield* someSession]
        const change = Effect.fnUntraced(function* (changes: Parameters<typeof clients.update>[1] | undefined) {
          const { client } = yield* someClient()
          const id = yield* consent.ask(session, yield* requestOf(client.id, { scope: "keys" }))
          yield* changes === undefined ? clients.remove(client.id) : clients.update(client.id, changes)
          return yield* consent.take(session, id)
        })
        assert.isDefined(yield* change({ name: "Another name" }))
        assert.isUndefined(yield* change({ scopes: ["inference"] }))
        assert.isUndefined(yield* change({ redirectUris: [`${callback}/new`] }))
        assert.isUndefined(yield* change(undefined))
      })
    )

    it.effect("is remembered for what was allowed, until it is taken back", () =>
      Effect.gen(function* () {
        const [consent, { session }, { client }] = [yield* Consent, yield* someSession, yield* someClient()]
        const small = yield* requestOf(client.id, { scope: "inference" })
        const large = yield* requestOf(client.id, { scope: "inference keys" })
        const elsewhere = yield* requestOf(client.id, { scope: "inference", resource: issuer })
        const again = yield* requestOf(client.id, { scope: "inference", prompt: "consent" })
        assert.isTrue(yield* consent.isNeeded(session, small))
        yield* (yield* Codes).issue(session, small)
        assert.isFalse(yield* consent.isNeeded(session, small))
        for (const request of [large, elsewhere, again]) assert.isTrue(yield* consent.isNeeded(session, request))
        assert.isTrue(yield* consent.isNeeded((yield* someSession).session, small))
        yield* (yield* Grants).revokeWhere({ userId: session.userId, clientId: client.id })
        assert.isTrue(yield* consent.isNeeded(session, small))
      })
    )

    it.effect("is asked for each time by a client that has registered itself", () =>
      Effect.gen(function* () {
        const [consent, { session }, registration] = [yield* Consent, yield* someSession, yield* Registration]
        const metadata = { redirect_uris: [callback], client_name: "Its own" }
        const { client } = yield* registration.register({ metadata, address: "192.0.2.1" })
        const request = yield* requestOf(client.id)
        yield* (yield* Codes).issue(session, request)
        assert.isTrue(yield* consent.isNeeded(session, request))
      })
    )

    it.effect("gives no code in a session that has ended", () =>
      Effect.gen(function* () {
        const [{ session }, { client }] = [yield* someSession, yield* someClient()]
        const request = yield* requestOf(client.id)
        yield* (yield* Sessions).end(session)
        assert.isUndefined(yield* (yield* Codes).issue(session, request))
        const rows = yield* (yield* SqlClient)`SELECT 1 FROM oauth_grants WHERE client_id = ${client.id}`
        assert.strictEqual(rows.length, 0)
      })
    )

    it.effect("keeps twenty questions of a session and forgets the oldest", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2030, 0, 1))
        const [consent, { session }, { client }] = [yield* Consent, yield* someSession, yield* someClient()]
        const request = yield* requestOf(client.id)
        const ids: Array<string> = []
        for (let count = 0; count < 22; count++) {
          yield* TestClock.adjust(1)
          ids.push(yield* consent.ask(session, request))
        }
        const there = yield* Effect.forEach(ids, (id) => consent.take(session, id))
        assert.deepStrictEqual(
          there.map((each) => each !== undefined),
          ids.map((_, index) => index >= 2)
        )
      })
    )
  })
}
