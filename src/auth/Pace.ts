/** So many at once, and after them one in each interval, however many would like to. Times are milliseconds. */
export class Pace {
  readonly #interval: number
  readonly #head: number
  /** When all that was spent will have been earned. */
  #evenAt = 0

  constructor(options: { readonly burst: number; readonly interval: number }) {
    this.#interval = options.interval
    this.#head = (options.burst - 1) * options.interval
  }

  /** How long the next one has to wait. */
  waitAt(now: number): number {
    return Math.max(0, this.#evenAt - this.#head - now)
  }

  spendAt(now: number) {
    this.#evenAt = Math.max(this.#evenAt, now) + this.#interval
  }
}
