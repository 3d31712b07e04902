import { StringDecoder } from "node:string_decoder"

/** Bytes to text: a letter that the network cut in two is whole again, and a byte order mark at the beginning is left out. */
export class Utf8Reader {
  private readonly decoder = new StringDecoder("utf8")
  private isFirst = true

  read(bytes: Uint8Array): string {
    return this.marked(this.decoder.write(bytes))
  }

  /** What is left of a letter whose end never came. */
  end(): string {
    return this.marked(this.decoder.end())
  }

  private marked(text: string): string {
    if (!this.isFirst || text === "") return text
    this.isFirst = false
    return text.startsWith("\uFEFF") ? text.slice(1) : text
  }
}
