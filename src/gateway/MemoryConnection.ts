import { Duplex } from "node:stream"

type Done = (error?: Error | null) => void

/** One end of a connection within the process, with what Node's HTTP asks of a socket beside the stream. */
class MemorySocket extends Duplex {
  readonly remoteAddress = "127.0.0.1"
  /** Undefined while the pair is being made. */
  other: MemorySocket | undefined
  /** Of a piece that the other end has written and nobody has room for. */
  #taken: Done | undefined

  override _read(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.other === undefined || this.other.destroyed) done(new Error("The other end is closed"))
    else this.other.#take(chunk, done)
  }

  override _final(done: Done): void {
    if (this.other?.destroyed === false) this.other.push(null)
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#taken?.()
    this.other?.destroy()
    done(error)
  }

  /** Whoever is at the other end is in this process, and minds its own clients. */
  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  #take(chunk: Buffer, done: Done): void {
    if (this.push(chunk)) done()
    else this.#taken = done
  }
}

/** What is written at one end is read at the other, no faster than it is read; of two ends one does not outlive the other. */
export const connectionPair = (): { readonly near: MemorySocket; readonly far: MemorySocket } => {
  const near = new MemorySocket({ allowHalfOpen: true })
  const far = new MemorySocket({ allowHalfOpen: true })
  near.other = far
  far.other = near
  return { near, far }
}
