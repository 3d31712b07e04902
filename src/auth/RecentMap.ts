/** A map of bounded size that forgets first what was not asked for the longest time. */
export class RecentMap<Value> {
  readonly #entries = new Map<string, Value>()
  readonly #capacity: number
  /** Is at the end already: a map that loses and gets an entry with each request makes a new table again and again. */
  #newest: string | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Value | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.#renew(key, value)
    return value
  }

  set(key: string, value: Value) {
    this.#renew(key, value)
    if (this.#entries.size <= this.#capacity) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  /** A Map iterates in the order of insertion: the one asked for goes to the end. */
  #renew(key: string, value: Value) {
    if (key !== this.#newest) this.#entries.delete(key)
    this.#entries.set(key, value)
    this.#newest = key
  }

  delete(key: string) {
    this.#entries.delete(key)
  }

  clear() {
    this.#entries.clear()
  }

  [Symbol.iterator](): Iterator<[string, Value]> {
    return this.#entries[Symbol.iterator]()
  }
}
