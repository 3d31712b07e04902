/** When a circuit opens, and for how long. Milliseconds. */
export interface CircuitRules {
  /** So many failures in a row open it. */
  readonly failures: number
  /** The first time; each probe that fails doubles it, up to `longestCooldown` or its own length if that is more. */
  readonly cooldown: number
}

export const defaultCircuit: CircuitRules = { failures: 10, cooldown: 5000 }

const longestCooldown = 60_000

/** A failure that long after the one before it begins a new row. */
const forgottenAfter = 60_000

export type CircuitState = "closed" | "open" | "half_open"

/**
 * A breaker. It opens after so many failures in a row, whether or not somebody else could serve; when its cooldown is over one call
 * goes through and decides. Time comes in as milliseconds of a monotonic clock, and every method is a plain look-up.
 */
export class Circuit {
  private rules: CircuitRules
  private failures = 0
  private failedAt = -Infinity
  private cooldown: number
  /** Undefined: closed. */
  private openUntil: number | undefined
  private isProbing = false

  constructor(rules: CircuitRules) {
    this.rules = rules
    this.cooldown = rules.cooldown
  }

  /** Goes by these from now on; an open one stays so for as long as was said. */
  follow(rules: CircuitRules): void {
    this.rules = rules
    if (this.isClosed) this.cooldown = rules.cooldown
  }

  /** As it nearly always is; asked first, it spares a look at the clock. */
  get isClosed(): boolean {
    return this.openUntil === undefined
  }

  stateAt(now: number): CircuitState {
    if (this.openUntil === undefined) return "closed"
    return now < this.openUntil ? "open" : "half_open"
  }

  /** How long nobody may call; undefined where a call may be tried. Between two probes: until the running one tells. */
  waitAt(now: number): number | undefined {
    if (this.openUntil === undefined) return undefined
    if (now < this.openUntil) return this.openUntil - now
    return this.isProbing ? probeWait : undefined
  }

  /** Takes the one probe of a half-open circuit; true for every call of a closed one. Whoever gets a probe must tell its end. */
  admit(now: number): Admittance {
    if (this.openUntil === undefined) return "free"
    if (now < this.openUntil || this.isProbing) return "refused"
    this.isProbing = true
    return "probe"
  }

  /** The probe came to no end: its caller left. */
  abandon(): void {
    this.isProbing = false
  }

  /** An answer was given to its end, or refused by an upstream that works. True where that closes the circuit. */
  succeed(): boolean {
    this.failures = 0
    return this.close()
  }

  /** An answer has begun. A circuit that closes by this opens again at the next failure. True where it closes. */
  begin(): boolean {
    if (this.openUntil === undefined) return false
    this.failures = this.rules.failures - 1
    return this.close()
  }

  /** True where that opens the circuit. */
  fail(now: number): boolean {
    if (now - this.failedAt > forgottenAfter && this.openUntil === undefined) this.failures = 0
    this.failedAt = now
    this.failures++
    if (this.openUntil !== undefined) {
      // A call that was under way when it opened tells nothing new.
      if (!this.isProbing) return false
      this.isProbing = false
      this.cooldown = Math.min(this.cooldown * 2, Math.max(longestCooldown, this.rules.cooldown))
    } else if (this.failures < this.rules.failures) return false
    this.openUntil = now + this.cooldown
    return true
  }

  /** Another instance has found it so, for so many milliseconds. */
  openFor(millis: number, now: number): void {
    this.openUntil = Math.max(
      this.openUntil ?? 0,
      now + Math.min(millis, Math.max(longestCooldown, this.rules.cooldown))
    )
  }

  /** Another instance has been answered. */
  close(): boolean {
    this.isProbing = false
    if (this.openUntil === undefined) return false
    this.openUntil = undefined
    this.cooldown = this.rules.cooldown
    return true
  }
}

/** `free`: call. `probe`: call, and its end decides. `refused`: do not call. */
export type Admittance = "free" | "probe" | "refused"

/** What a caller is told to wait who comes while the probe runs. */
const probeWait = 1000
