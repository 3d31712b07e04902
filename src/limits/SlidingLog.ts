import { type Resolution, windowMillis } from "./Spans.ts"

interface Entry {
  first: number
  last: number
  amount: number
}

/**
 * What was added in the last 60 s. An entry leaves when its *latest* addition is 60 s old, so coarse entries stay a
 * little longer than each of their additions must: the sum of no 60 s is ever understated. `LimiterScript.ts` is its
 * twin in Lua; a test holds both to the same decisions.
 */
export class SlidingLog {
  readonly #resolution: Resolution
  readonly #entries: Array<Entry> = []
  #sum = 0

  constructor(resolution: Resolution) {
    this.#resolution = resolution
  }

  get length(): number {
    return this.#entries.length
  }

  /** Forgets what has left the window and answers the sum of the rest. */
  sumAt(now: number): number {
    this.#heedClock(now)
    let oldest = this.#entries[0]
    while (oldest !== undefined && oldest.last + windowMillis <= now) {
      this.#sum -= oldest.amount
      this.#entries.shift()
      oldest = this.#entries[0]
    }
    return this.#sum
  }

  /** Milliseconds until the sum is `room` or less, if nothing is added; after `sumAt(now)`. */
  waitFor(room: number, now: number): number {
    let sum = this.#sum
    for (const entry of this.#entries) {
      if (sum <= room) break
      sum -= entry.amount
      if (sum <= room) return entry.last + windowMillis - now
    }
    return 0
  }

  /** Milliseconds until nothing is left in the window. */
  resetAt(now: number): number {
    const newest = this.#entries.at(-1)
    return newest === undefined || this.#sum === 0 ? 0 : newest.last + windowMillis - now
  }

  add(now: number, amount: number): void {
    this.#heedClock(now)
    this.#sum += amount
    const newest = this.#entries.at(-1)
    const reach = this.#entries.length >= this.#resolution.exactEntries ? this.#resolution.coarseMillis : 1
    if (newest !== undefined && now - newest.first < reach) {
      newest.last = now
      newest.amount += amount
    } else {
      this.#entries.push({ first: now, last: now, amount })
    }
  }

  /** Changes what was added at `at` by `difference`; nothing happens where that has left the window. */
  correct(at: number, difference: number): void {
    const entry = this.#entries.findLast(({ first }) => first <= at)
    if (entry === undefined) return
    const amount = Math.max(0, entry.amount + difference)
    this.#sum += amount - entry.amount
    entry.amount = amount
  }

  /**
   * A clock that was set back finds entries in its future. What they hold did happen before now, so now is the latest
   * that it can have happened: nothing is understated and nothing waits for more than a window.
   */
  #heedClock(now: number): void {
    for (let index = this.#entries.length - 1; index >= 0; index -= 1) {
      const entry = this.#entries[index]
      if (entry === undefined || entry.last <= now) return
      entry.last = now
      entry.first = Math.min(entry.first, now)
    }
  }
}
