/**
 * The yardstick: the least that a reverse proxy in Node does, `node:http` in front and undici's dispatcher behind. It passes
 * backpressure and aborts on, and looks at nothing. Tells its port to the process that started it.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import { type Dispatcher, Pool } from "undici"

const origin = process.argv[2]
if (origin === undefined) throw new Error("usage: raw-proxy.ts <origin>")
const pool = new Pool(origin, { connections: 512 })

/** Between the two connections, not of the message (RFC 9110, section 7.6.1); the host is the upstream's. */
const forwarded = ({ connection: _1, host: _2, "keep-alive": _3, ...headers }: IncomingHttpHeaders) => headers

const passTo = (response: ServerResponse): Dispatcher.DispatchHandler => ({
  onRequestStart: (controller) => {
    response.on("close", () => {
      if (!response.writableEnded) controller.abort(new Error("the client left"))
    })
    response.on("drain", () => controller.resume())
  },
  onResponseStart: (_controller, status, { connection: _1, "keep-alive": _2, ...headers }) => {
    response.writeHead(status, headers)
  },
  onResponseData: (controller, chunk) => {
    if (!response.write(chunk)) controller.pause()
  },
  onResponseEnd: () => {
    response.end()
  },
  onResponseError: () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502).end()
  }
})

const server = createServer((request, response) => {
  const { headers, method = "GET", url = "/" } = request
  pool.dispatch(
    // The list of methods is open in HTTP and closed in undici's types.
    { path: url, method: method as Dispatcher.HttpMethod, headers: forwarded(headers), body: request },
    passTo(response)
  )
})

server.listen(0, "127.0.0.1", () => process.send?.(server.address()))
process.on("disconnect", () => process.exit())
