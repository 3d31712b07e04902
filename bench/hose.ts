/**
 * An upstream whose streams never end: at first more than a client that reads nothing can be sent, as fast as the reader takes it, and
 * nothing from then on. It tells its port to the process that started it, and, whenever that one asks, how much has been taken.
 */
import { createServer } from "node:http"
import type { HoseSays } from "./deaf-clients.ts"

const piece = Buffer.from(
  `data: ${JSON.stringify({
    id: "chatcmpl-hose",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "hose",
    choices: [{ index: 0, delta: { content: "word ".repeat(1600) }, finish_reason: null }]
  })}\n\n`
)
const models = JSON.stringify({ object: "list", data: [{ id: "hose", object: "model" }] })

/**
 * Of each stream. A connection whose reader has stopped takes up to 4 MB on Linux. Without a bound both ends of all connections, which are on
 * this one machine, fill with more than the kernel gives to TCP in all; from then on it drops what comes on any connection, and that
 * is not what is measured.
 */
const mostBytes = 6 * 2 ** 20

let pieces = 0
let open = 0

const server = createServer((request, response) => {
  request.resume()
  if (request.method === "GET") {
    response.setHeader("content-type", "application/json").end(models)
    return
  }
  open += 1
  response.once("close", () => (open -= 1))
  response.writeHead(200, { "content-type": "text/event-stream" })
  let bytes = 0
  const pour = () => {
    while (!response.destroyed && bytes < mostBytes) {
      bytes += piece.length
      pieces += 1
      if (!response.write(piece)) return
    }
  }
  response.on("drain", pour)
  pour()
})

server.listen(0, "127.0.0.1", () => process.send?.(server.address()))
process.on("message", () => process.send?.({ megabytes: (pieces * piece.length) / 2 ** 20, open } satisfies HoseSays))
process.on("disconnect", () => process.exit())
