import { Effect, type Scope } from "effect"
import { createSocket } from "node:dgram"
import { isIPv6 } from "node:net"

/**
 * A name server on the loopback (RFC 1035, over UDP) that knows these names and no others; of a name whose addresses are `silent` it
 * says nothing at all.
 */
export const nameServer = (
  names: Readonly<Record<string, ReadonlyArray<string> | "silent">>
): Effect.Effect<{ readonly address: string; readonly asked: ReadonlyArray<string> }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => createSocket("udp4")),
      (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
    )
    socket.on("message", (question, { address, port }) => {
      const { end, name } = nameIn(question)
      const addresses = names[name]
      asked.push(name)
      if (addresses !== "silent") socket.send(answerTo(question, end, addresses), port, address)
    })
    yield* Effect.callback<void>((resume) => void socket.bind(0, "127.0.0.1", () => resume(Effect.void)))
    return { address: `127.0.0.1:${socket.address().port}`, asked }
  })

const header = 12

const nameIn = (question: Buffer): { readonly name: string; readonly end: number } => {
  const labels: Array<string> = []
  let at = header
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString("latin1", at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 }
}

const typeA = 1
const typeAAAA = 28

const answerTo = (question: Buffer, end: number, addresses: ReadonlyArray<string> | undefined): Buffer => {
  const type = question.readUInt16BE(end)
  const fitting = (addresses ?? []).filter((address) => type === (isIPv6(address) ? typeAAAA : typeA))
  // The question without what may follow it, and a record for each address.
  const answer = Buffer.concat([
    question.subarray(0, end + 4),
    ...fitting.map((address) => {
      const data = isIPv6(address) ? sixteen(address) : Buffer.from(address.split(".").map(Number))
      return Buffer.concat([Buffer.from([0xc0, header, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]), data])
    })
  ])
  // A response, recursion available; NXDOMAIN of what is not known.
  answer.writeUInt16BE(0x8180 | (addresses === undefined ? 3 : 0), 2)
  answer.writeUInt16BE(1, 4)
  answer.writeUInt16BE(fitting.length, 6)
  answer.writeUInt32BE(0, 8)
  return answer
}

const sixteen = (address: string): Buffer => {
  const [before = "", after = ""] = address.split("::")
  const words = (part: string) => (part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16)))
  const [left, right] = [words(before), words(after)]
  const all = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]))
}
