import { Result } from "effect"
import { FrameTooLarge, type FrameReader, type Framing, frameLimit } from "./Framing.ts"
import { Utf8Reader } from "./Utf8Reader.ts"

/**
 * Server-sent events as the HTML standard parses them (section 9.2.6): lines end with LF, CR or CRLF; comments, `id` and
 * `retry` are passed over; the `data` lines of an event are joined by LF; events without data are none. In one point it is more
 * lenient: an event that the end of the stream cuts off before its blank line is delivered, because upstreams do end so.
 */
class SseReader implements FrameReader {
  private readonly frame: (data: string, event: string) => string
  private readonly text = new Utf8Reader()
  /** The last line ended with a CR at the end of its packet: an LF that follows belongs to it. */
  private isAfterCr = false
  private line = ""
  private data: string | undefined
  private event = ""

  constructor(frame: (data: string, event: string) => string) {
    this.frame = frame
  }

  push(bytes: Uint8Array): Result.Result<ReadonlyArray<string>, FrameTooLarge> {
    return this.read(this.text.read(bytes))
  }

  end(): Result.Result<ReadonlyArray<string>, FrameTooLarge> {
    return this.read(`${this.text.end()}\n\n`)
  }

  private read(decoded: string): Result.Result<ReadonlyArray<string>, FrameTooLarge> {
    if (decoded === "") return Result.succeed([])
    let at = this.isAfterCr && decoded.startsWith("\n") ? 1 : 0
    this.isAfterCr = false

    const frames: Array<string> = []
    let cr = decoded.indexOf("\r", at)
    while (true) {
      const lf = decoded.indexOf("\n", at)
      if (cr !== -1 && cr < at) cr = decoded.indexOf("\r", at)
      const isCr = cr !== -1 && (lf === -1 || cr < lf)
      const stop = isCr ? cr : lf
      if (stop === -1) break
      this.take(this.line === "" ? decoded.slice(at, stop) : this.line + decoded.slice(at, stop), frames)
      this.line = ""
      at = stop + 1
      if (isCr && at === decoded.length) this.isAfterCr = true
      else if (isCr && lf === at) at++
    }
    if (at < decoded.length) this.line += decoded.slice(at)
    return this.line.length + (this.data?.length ?? 0) > frameLimit
      ? Result.fail(new FrameTooLarge())
      : Result.succeed(frames)
  }

  private take(line: string, frames: Array<string>): void {
    if (line === "") {
      if (this.data !== undefined) frames.push(this.frame(this.data, this.event))
      this.data = undefined
      this.event = ""
      return
    }
    if (line.startsWith("data:")) {
      this.append(line.slice(line.charCodeAt(5) === 32 ? 6 : 5))
    } else if (line.startsWith("event:")) {
      this.event = line.slice(line.charCodeAt(6) === 32 ? 7 : 6)
    } else if (line === "data") {
      this.append("")
    } else if (line === "event") {
      this.event = ""
    }
  }

  private append(value: string): void {
    this.data = this.data === undefined ? value : `${this.data}\n${value}`
  }
}

const make = (frame: (data: string, event: string) => string): Framing => ({
  accept: "text/event-stream",
  // Some servers of one's own send no content type at all.
  accepts: (contentType) => contentType === undefined || /^\s*text\/event-stream\b/i.test(contentType),
  reader: () => new SseReader(frame)
})

/** A frame is the event's data; its name is not looked at. */
export const sse: Framing = make((data) => data)

/** A frame is the event's name, LF, and its data: for dialects whose events are told apart by their names. */
export const namedSse: Framing = make((data, event) => `${event}\n${data}`)
