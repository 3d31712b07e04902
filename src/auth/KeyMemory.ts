import type { KnownKey } from "./KeyRow.ts"
import { RecentMap } from "./RecentMap.ts"
import type { Revoked } from "./Revoked.ts"

/** The key behind a hash, or that there is none. */
export interface Finding {
  readonly key: KnownKey | undefined
}

/** Times are milliseconds of the monotonic clock: a time of day that is set back must not make a look-up hold for longer. */
export interface Entry {
  readonly finding: Finding
  readonly expiresAt: number
  /** From when on it is looked up again. */
  renewAt: number
}

const mostKeys = 10_000
const unknownTtl = 10_000
const renewalPause = 1_000

/** What was found, each for its time, by the monotonic clock. Known and unknown keys apart: a flood of unknown ones must not push out a known one. */
export class KeyMemory {
  readonly #known = new RecentMap<Entry>(mostKeys)
  readonly #unknown = new RecentMap<Entry>(mostKeys)
  readonly #ttl: number

  /** `ttl` of known keys, in milliseconds. */
  constructor(ttl: number) {
    this.#ttl = ttl
  }

  recall(hash: string, now: number): Entry | undefined {
    const entry = this.#known.get(hash) ?? this.#unknown.get(hash)
    if (entry === undefined || now < entry.expiresAt) return entry
    this.#forget(hash)
    return undefined
  }

  /** `askedAt` is when the database was asked: what it answers may be as old as that. */
  remember(hash: string, finding: Finding, askedAt: number) {
    this.#forget(hash)
    const isKnown = finding.key !== undefined
    const ttl = isKnown ? this.#ttl : Math.min(unknownTtl, this.#ttl)
    const renewAt = isKnown ? askedAt + ttl / 2 : Infinity
    const map = isKnown ? this.#known : this.#unknown
    map.set(hash, { finding, expiresAt: askedAt + ttl, renewAt })
  }

  /** A renewal failed: the next one in a while. */
  postpone(hash: string, now: number) {
    const entry = this.#known.get(hash)
    if (entry !== undefined) entry.renewAt = now + renewalPause
  }

  /** Keys, and all keys of users. Looks at everything that is remembered: revocations are rare, and requests are not. */
  forget(revoked: ReadonlyArray<Revoked>) {
    const keys = idsOf("key", revoked)
    const users = idsOf("user", revoked)
    if (keys.size + users.size === 0) return
    for (const [hash, { finding }] of this.#known) {
      const principal = finding.key?.principal
      if (principal === undefined) continue
      if (keys.has(principal.credentialId) || users.has(principal.userId)) this.#known.delete(hash)
    }
  }

  clear() {
    this.#known.clear()
    this.#unknown.clear()
  }

  /** Whether there is a key that would be let in now, which is `time` in Unix milliseconds. */
  admitsAny(now: number, time: number): boolean {
    for (const [, { expiresAt, finding }] of this.#known) {
      const { key } = finding
      if (key === undefined || key.revoked || expiresAt <= now) continue
      if ((key.principal.expiresAt ?? Infinity) > time) return true
    }
    return false
  }

  #forget(hash: string) {
    this.#known.delete(hash)
    this.#unknown.delete(hash)
  }
}

const idsOf = (kind: Revoked["kind"], revoked: ReadonlyArray<Revoked>): ReadonlySet<string> =>
  new Set(revoked.flatMap((one) => (one.kind === kind ? [one.id] : [])))
