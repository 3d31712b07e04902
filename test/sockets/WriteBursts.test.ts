import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { createServer, connect, type AddressInfo, type Socket } from "node:net"
import { setImmediate } from "node:timers/promises"
import { writeInBursts } from "../../src/sockets/WriteBursts.ts"

interface Pair {
  /** Writes in bursts. */
  readonly near: Socket
  readonly far: Socket
}

const pair = Effect.acquireRelease(
  Effect.promise(async (): Promise<Pair> => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const near = connect((server.address() as AddressInfo).port, "127.0.0.1")
    const [[far]] = await Promise.all([once(server, "connection") as Promise<[Socket]>, once(near, "connect")])
    server.close()
    return { near: writeInBursts(near), far }
  }),
  ({ far, near }) => Effect.sync(() => [near, far].forEach((socket) => socket.destroy()))
)

const nextData = (socket: Socket) => Effect.promise(async () => String((await once(socket, "data"))[0]))

/** All that comes until the other side has ended. */
const allOf = (socket: Socket) =>
  Effect.promise(async () => {
    let text = ""
    for await (const bytes of socket.setEncoding("utf8")) text += bytes
    return text
  })

describe("writes in bursts", () => {
  it.effect("wait for the end of the turn, and leave then", () =>
    Effect.gen(function* () {
      const { far, near } = yield* pair
      near.write("now")
      yield* Effect.promise(() => Promise.resolve())
      assert.strictEqual(near.bytesWritten, 0)
      assert.strictEqual(yield* nextData(far), "now")
      assert.strictEqual(near.writableLength, 0)
    })
  )

  it.effect("of many sockets leave together, in the order in which they were written", () =>
    Effect.gen(function* () {
      const pairs = [yield* pair, yield* pair, yield* pair]
      const left: Array<number> = []
      pairs.forEach(({ near }, index) => near.write(`${index}`, () => left.push(index)))
      assert.deepStrictEqual(left, [])
      const heard = yield* Effect.all(
        pairs.map(({ far }) => nextData(far)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(heard, ["0", "1", "2"])
      assert.deepStrictEqual(left, [0, 1, 2])
    })
  )

  it.effect("to one socket keep their order, whole, whether written at once, corked or at its end", () =>
    Effect.gen(function* () {
      const { far, near } = yield* pair
      const lines = Array.from({ length: 200 }, (_, index) => `${index} ${"x".repeat(index * 20)}\n`)
      for (const [index, line] of lines.entries()) {
        if (index % 7 === 0) near.cork()
        near.write(line)
        if (index % 7 === 3) near.uncork()
        if (index % 50 === 0) yield* Effect.promise(() => setImmediate())
      }
      near.end("the end")
      assert.strictEqual(yield* allOf(far), `${lines.join("")}the end`)
    })
  )

  it.effect("that wait when their socket is destroyed leave before it is closed", () =>
    Effect.gen(function* () {
      const { far, near } = yield* pair
      near.write("last ")
      near.write("words")
      near.destroySoon()
      assert.strictEqual(yield* allOf(far), "last words")
      const other = yield* pair
      other.near.write("last words")
      other.near.destroy()
      assert.strictEqual(yield* allOf(other.far), "last words")
    })
  )

  it.effect("after the other end has gone fail as any do", () =>
    Effect.gen(function* () {
      const { far, near } = yield* pair
      const failed = Effect.promise(() => once(near, "error"))
      far.resetAndDestroy()
      near.write("too late")
      const [error] = yield* failed
      assert.match(String(error.code), /^(ECONNRESET|EPIPE)$/)
    })
  )

  it.effect("tell a writer that is faster than its reader to wait", () =>
    Effect.gen(function* () {
      const { far, near } = yield* pair
      far.pause()
      let isTaken = true
      for (let packets = 0; isTaken && packets < 10_000; packets++) isTaken = near.write(Buffer.alloc(16 * 1024))
      assert.isFalse(isTaken)
      far.resume()
      yield* Effect.promise(() => once(near, "drain"))
      assert.strictEqual(near.writableLength, 0)
    })
  )
})
