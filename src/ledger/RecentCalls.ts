import type { Position } from "./Segments.ts"

/** A call that has ended, as the journal tells it. */
export interface EndedCall {
  readonly requestId: string
  readonly line: string
}

/** Calls that have ended, as they are shipped: some that follow one another. */
export interface Portion {
  readonly calls: ReadonlyArray<EndedCall>
  /** Behind them in the journal. */
  readonly until: Position
}

/** Some 5 MB. */
const defaultMost = 10_000
const mostTogether = 500

/**
 * Calls that have ended and are not shipped, in the order of the journal, and no more than the latest `most`: so that nothing has to be
 * read from the disk that was written there a moment ago. What is older is only in the journal's files.
 */
export class RecentCalls {
  #unwritten: Array<EndedCall> = []
  #written: Array<Portion> = []
  #count = 0
  #from: Position
  #end: Position
  readonly #most: number

  /** `end`: where the files end that an earlier process has left. */
  constructor(end: Position, most = defaultMost) {
    this.#from = end
    this.#end = end
    this.#most = most
  }

  /** Where the calls begin that are here: all that ended behind it are. */
  get from(): Position {
    return this.#from
  }

  add(call: EndedCall): void {
    this.#unwritten.push(call)
    this.#count += 1
    if (this.#count > this.#most) this.#forgetOldest()
  }

  /** So many of those that were added and not written, the oldest of them, are now in the journal, which ends there. */
  wrote(count: number, end: Position): void {
    this.#end = end
    if (count > 0) this.#written.push({ calls: this.#unwritten.splice(0, count), until: end })
  }

  /** The oldest that are written. Where there are none its `until` is the journal's end. */
  portion(): Portion {
    const calls: Array<EndedCall> = []
    for (const { calls: more, until } of this.#written) {
      calls.push(...more)
      if (calls.length >= mostTogether) return { calls, until }
    }
    return { calls, until: this.#end }
  }

  /** All up to there need not be remembered. */
  shipped(until: Position): void {
    const left = this.#written.findIndex((portion) => isBefore(until, portion.until))
    for (const { calls } of this.#written.splice(0, left < 0 ? this.#written.length : left)) this.#count -= calls.length
    if (isBefore(this.#from, until)) this.#from = until
  }

  /** Lines of these calls. */
  lines(isSought: (line: string) => boolean): ReadonlyArray<string> {
    return [...this.#written.flatMap(({ calls }) => calls), ...this.#unwritten].map(({ line }) => line).filter(isSought)
  }

  #forgetOldest(): void {
    const oldest = this.#written.shift()
    // What is in no file yet is kept by whoever writes it, too.
    if (oldest === undefined) return
    this.#count -= oldest.calls.length
    this.#from = oldest.until
  }
}

export const isBefore = (left: Position, right: Position): boolean =>
  left.segment < right.segment || (left.segment === right.segment && left.offset < right.offset)
