import { Result } from "effect"
import { FrameTooLarge, type FrameReader, type Framing, frameLimit } from "./Framing.ts"
import { Utf8Reader } from "./Utf8Reader.ts"

class LineReader implements FrameReader {
  private readonly text = new Utf8Reader()
  private line = ""

  push(bytes: Uint8Array): Result.Result<ReadonlyArray<string>, FrameTooLarge> {
    return this.read(this.text.read(bytes))
  }

  end(): Result.Result<ReadonlyArray<string>, FrameTooLarge> {
    return this.read(`${this.text.end()}\n`)
  }

  private read(decoded: string): Result.Result<ReadonlyArray<string>, FrameTooLarge> {
    let at = 0
    const frames: Array<string> = []
    for (let stop = decoded.indexOf("\n", at); stop !== -1; stop = decoded.indexOf("\n", at)) {
      const line = (this.line + decoded.slice(at, stop)).trim()
      if (line !== "") frames.push(line)
      this.line = ""
      at = stop + 1
    }
    if (at < decoded.length) this.line += decoded.slice(at)
    return this.line.length > frameLimit ? Result.fail(new FrameTooLarge()) : Result.succeed(frames)
  }
}

/** One JSON value a line (LF or CRLF); blank lines are passed over, and the last line needs no line end. */
export const ndjson: Framing = {
  accept: "application/x-ndjson, application/json",
  // Such streams go out as plain JSON; only a page of HTML cannot be one.
  accepts: (contentType) => contentType === undefined || !/^\s*text\/html\b/i.test(contentType),
  reader: () => new LineReader()
}
