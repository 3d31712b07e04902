import { leaseMillis } from "./Spans.ts"

/** The running requests of one subject, each with the time at which its lease ends unless it is renewed. */
export class Leases {
  readonly #ends = new Map<string, number>()
  /** No lease ends before this: most questions are then answered without a walk over all of them. */
  #earliestEnd = Number.POSITIVE_INFINITY

  hold(now: number, requestId: string): void {
    this.#ends.set(requestId, now + leaseMillis)
    this.#earliestEnd = Math.min(this.#earliestEnd, now + leaseMillis)
  }

  release(requestId: string): void {
    this.#ends.delete(requestId)
  }

  /** How many hold beside the request's own: a request that asks twice does not stand in its own way. */
  othersAt(now: number, requestId: string): number {
    if (this.#earliestEnd <= now) {
      this.#earliestEnd = Number.POSITIVE_INFINITY
      for (const [id, end] of this.#ends) {
        if (end <= now) this.#ends.delete(id)
        else this.#earliestEnd = Math.min(this.#earliestEnd, end)
      }
    }
    return this.#ends.size - (this.#ends.has(requestId) ? 1 : 0)
  }
}
