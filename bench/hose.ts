/**
 * An upstream whose streams never end, as fast as each one's reader takes them. It tells its port to the process that started it,
 * and, whenever that one asks, how much of them has been taken.
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
  const pour = () => {
    while (!response.destroyed) {
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
