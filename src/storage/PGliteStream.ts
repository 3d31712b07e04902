import type { PGlite } from "@electric-sql/pglite"
import { Duplex } from "node:stream"

const SYNC = "S".charCodeAt(0)
const QUERY = "Q".charCodeAt(0)
const TERMINATE = "X".charCodeAt(0)
const CANCEL_REQUEST = 80_877_102

/**
 * The client's end of a connection to PGlite, in process: what is written are PostgreSQL's frontend messages, what is read are
 * the backend's (PostgreSQL documentation, "Message Formats"). There is one session behind all connections, so one at a time is
 * open, and each begins by clearing away what the one before it may have left: a transaction, prepared statements, locks.
 */
export class PGliteStream extends Duplex {
  readonly #db: PGlite
  #unread: Buffer = Buffer.alloc(0)
  #started = false

  constructor(db: PGlite) {
    super()
    this.#db = db
  }

  override _read() {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void) {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
    const message = this.#started ? this.#takeQuestions() : this.#takeStartup()
    if (message === undefined) return done()
    this.#ask(message).then(() => done(), done)
  }

  override _final(done: (error?: Error | null) => void) {
    this.push(null)
    done()
  }

  #ask(message: Buffer): Promise<void> {
    return this.#begin().then(() =>
      this.#db.runExclusive(() =>
        this.#db.execProtocolRawStream(message, {
          // The bytes are a view of memory that the next message overwrites.
          onRawData: (bytes) => {
            this.push(Buffer.from(bytes))
          }
        })
      )
    )
  }

  #begin(): Promise<unknown> {
    if (this.#started) return Promise.resolve()
    this.#started = true
    return this.#db.exec("ROLLBACK").then(() => this.#db.exec("DISCARD ALL"))
  }

  #takeStartup(): Buffer | undefined {
    if (this.#unread.length < 8) return undefined
    const size = this.#unread.readInt32BE(0)
    if (this.#unread.readInt32BE(4) === CANCEL_REQUEST) {
      // Statements run to their end before anything else does: there is never one to cancel.
      this.destroy()
      return undefined
    }
    return this.#unread.length < size ? undefined : this.#take(size)
  }

  /** Whole messages up to the last one that asks for an answer; the rest waits for more. */
  #takeQuestions(): Buffer | undefined {
    let end = 0
    for (let offset = 0; offset + 5 <= this.#unread.length;) {
      const next = offset + 1 + this.#unread.readInt32BE(offset + 1)
      if (next > this.#unread.length) break
      const type = this.#unread[offset]
      if (type === TERMINATE) break
      if (type === SYNC || type === QUERY) end = next
      offset = next
    }
    return end === 0 ? undefined : this.#take(end)
  }

  #take(size: number): Buffer {
    const message = this.#unread.subarray(0, size)
    this.#unread = this.#unread.subarray(size)
    return message
  }
}
