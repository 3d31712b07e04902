/** What came back, right or wrong, and when. */
import { micros, stampsIn } from "./conversation.ts"
import { answerOf, type Framing } from "./http-answer.ts"
import { type Ask, faultOf } from "./traffic.ts"

export interface Outcome {
  readonly answers: number
  /** Wrong or broken answers, and connections that were lost. */
  readonly errors: number
  readonly firstError: string | undefined
  readonly seconds: number
  /** Milliseconds from a request's write to its answer's last byte, ascending. */
  readonly latencies: Float64Array
  /** Of paced streams: milliseconds from a request's write to its first piece, ascending. */
  readonly firstPieces: Float64Array
  /** Of paced streams: milliseconds from a piece's leaving the upstream to its coming here, ascending. */
  readonly delays: Float64Array
}

/** Every answer is checked by status and size; one in so many, and each of an unusual size, is read whole. */
const readWholeEvery = 64

export class Tally {
  /** Of the pieces that have come so far, in that order. */
  readonly delays: Array<number> = []
  private readonly ask: Ask
  private readonly latencies: Array<number> = []
  private readonly firstPieces: Array<number> = []
  private readonly sizes = new Set<number>()
  private errors = 0
  private firstError: string | undefined

  constructor(ask: Ask) {
    this.ask = ask
  }

  fault(text: string): void {
    this.errors += 1
    this.firstError ??= text
  }

  /** One whose size was right before is taken as right, save now and then. */
  answer(framing: Framing, bytes: Buffer, sentAt: number): void {
    this.latencies.push(performance.now() - sentAt)
    const size = bytes.length - framing.bodyStart
    const isKnown = framing.head.startsWith("HTTP/1.1 200 ") && this.sizes.has(size)
    if (isKnown && this.latencies.length % readWholeEvery !== 0) return
    const wrong = this.checked(framing, bytes)
    if (wrong === undefined) this.sizes.add(size)
    else this.fault(wrong)
  }

  /** Of a paced stream; whether there were any. Each comes in a packet of its own, or with others that it met on the way. */
  pieces(bytes: Buffer, sentAt: number, isFirst: boolean): boolean {
    if (this.ask.kind !== "paced") return false
    const stamps = stampsIn(bytes.toString("latin1"))
    if (stamps.length === 0) return false
    const now = micros()
    for (const at of stamps) this.delays.push((now - at) / 1000)
    if (isFirst) this.firstPieces.push(performance.now() - sentAt)
    return true
  }

  outcome(seconds: number): Outcome {
    return {
      answers: this.latencies.length,
      errors: this.errors,
      firstError: this.firstError,
      seconds,
      latencies: ascending(this.latencies),
      firstPieces: ascending(this.firstPieces),
      delays: ascending(this.delays)
    }
  }

  private checked(framing: Framing, bytes: Buffer): string | undefined {
    try {
      return faultOf(this.ask, answerOf(framing, bytes))
    } catch (error) {
      return `the answer cannot be read: ${String(error)}`
    }
  }
}

const ascending = (values: ReadonlyArray<number>): Float64Array => Float64Array.from(values).sort()
