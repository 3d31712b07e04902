/** Of calls that wait for the database. What is older is asked of it when it is back. */
const mostRecent = 10_000

/** Calls that have ended, by their request ids, and no more than the latest 10,000. */
export class RecentCalls<Call> {
  /** Each in a holder of its own, which is emptied: an old table of the map may hold it still (`Roster`), but not the call. */
  private readonly holders = new Map<string, { call: Call | undefined }>()

  add(requestId: string, call: Call): void {
    this.holders.set(requestId, { call })
    if (this.holders.size <= mostRecent) return
    for (const oldest of this.holders.keys()) return this.delete(oldest)
  }

  delete(requestId: string): void {
    const holder = this.holders.get(requestId)
    if (holder === undefined) return
    this.holders.delete(requestId)
    holder.call = undefined
  }

  find(isSought: (call: Call) => boolean): Call | undefined {
    for (const { call } of this.holders.values()) if (call !== undefined && isSought(call)) return call
    return undefined
  }
}
