/**
 * Loaded into a gateway's process before it starts (`--import`): an error that nobody catches, called up by a signal. It carries what errors
 * of clients and parsers carry: a secret in the message, in a cause, in what hangs on it, and in a line that looks like one of the stack.
 */
const secret = process.env["OPENAI_API_KEY"] ?? ""

const carrying = (): Error =>
  Object.assign(new SyntaxError(`"${secret}" is not valid JSON\n    at /${secret}:1:1`, { cause: new Error(secret) }), {
    code: "ERR_OF_THE_TEST",
    request: { headers: { authorization: `Bearer ${secret}` } }
  })

process.on("SIGUSR2", () => {
  throw carrying()
})
