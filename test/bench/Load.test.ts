import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { createServer, type Socket } from "node:net"
import { dialects, httpChunk, lastChunk, type Rendered } from "../../bench/dialects.ts"
import { stamp } from "../../bench/conversation.ts"
import { type Load, prepare } from "../../bench/load.ts"
import type { Ask } from "../../bench/traffic.ts"

const openAi = (): Rendered => {
  const [first] = dialects
  assert.isDefined(first)
  return first
}

/** Answers each request, which comes in one packet, as it is told to. */
const served = (answer: (socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((socket) => socket.on("data", () => answer(socket)).on("error", () => {}))
      await once(server.listen(0, "127.0.0.1"), "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return typeof address === "object" && address !== null ? address.port : 0
    })
  )

const loaded = (port: number, ask: Ask, more: Partial<Load> = {}) =>
  Effect.promise(async () => {
    const load = await prepare({
      address: { port, model: "m", headers: {} },
      ask,
      connections: 2,
      millis: 100,
      ...more
    })
    return { outcome: await load.run(), pieces: load.delays().length }
  })

describe("the load generator", () => {
  it.live("counts right answers, and how long each took", () =>
    Effect.gen(function* () {
      const port = yield* served((socket) => socket.write(openAi().stream))
      const { outcome } = yield* loaded(port, { kind: "stream" })
      assert.strictEqual(outcome.errors, 0)
      assert.isAtLeast(outcome.answers, 2)
      assert.strictEqual(outcome.latencies.length, outcome.answers)
      assert.strictEqual(outcome.firstPieces.length, 0)
    }).pipe(Effect.scoped)
  )

  it.live("counts an answer to another question as an error", () =>
    Effect.gen(function* () {
      const port = yield* served((socket) => socket.write(openAi().json))
      const { outcome } = yield* loaded(port, { kind: "stream" })
      assert.strictEqual(outcome.errors, outcome.answers)
      assert.strictEqual(outcome.firstError, "the stream does not end with [DONE]")
    }).pipe(Effect.scoped)
  )

  it.live("counts a connection that is lost in an answer as an error", () =>
    Effect.gen(function* () {
      const port = yield* served((socket) => socket.end(openAi().stream.subarray(0, 500)))
      const { outcome } = yield* loaded(port, { kind: "stream" })
      assert.deepStrictEqual([outcome.answers, outcome.errors], [0, 2])
      assert.match(outcome.firstError ?? "", /closed after 500 bytes/)
    }).pipe(Effect.scoped)
  )

  it.live("tells when the first piece of a paced stream came, and how late each was", () =>
    Effect.gen(function* () {
      const { end, piece, streamHead } = openAi()
      const port = yield* served((socket) => {
        const frames = [piece(0, stamp(), ""), piece(1, stamp(), ""), ...end("")]
        socket.write(streamHead + frames.map(httpChunk).join("") + lastChunk)
      })
      const { outcome, pieces } = yield* loaded(port, { kind: "paced", pace: { pieces: 2, everyMillis: 1 } })
      assert.strictEqual(outcome.firstError, undefined)
      assert.strictEqual(outcome.firstPieces.length, outcome.answers)
      assert.strictEqual(pieces, 2 * outcome.answers)
      assert.isAtLeast(outcome.delays[0] ?? -1, 0)
    }).pipe(Effect.scoped)
  )

  it.live("keeps the distance between requests that it was asked for", () =>
    Effect.gen(function* () {
      const port = yield* served((socket) => socket.write(openAi().json))
      const { outcome } = yield* loaded(port, { kind: "json" }, { gapMillis: 80 })
      // Two connections, at 0 and 80 ms; without a distance it would be hundreds.
      assert.isAtMost(outcome.answers, 4)
      assert.isAbove(outcome.answers, 0)
    }).pipe(Effect.scoped)
  )
})
