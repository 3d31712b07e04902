import { Effect } from "effect"
import { Busy } from "../providers/Busy.ts"

/** How long a call waits for a place, and how many may wait for each place. */
export const longestWait = 5000
const waitersPerPlace = 20

/** A call's hold on a place. Released whatever becomes of the call; releasing twice does nothing. */
class Ticket {
  isHeld = false
  /** Set while it waits. */
  resume: ((effect: Effect.Effect<void>) => void) | undefined
}

/** A provider's places: so many calls at once, and a short queue in order of arrival. */
export class Places {
  private readonly provider: string
  private size: number
  private taken = 0
  private readonly queue = new Set<Ticket>()
  /** One for all, so that a rush of refusals costs nothing. */
  private busy: Busy

  constructor(provider: string, size: number) {
    this.provider = provider
    this.size = size
    this.busy = busyWith(provider, size)
  }

  /** Calls under way keep their places, also where they are more than the new size; whoever waits and finds room begins at once. */
  resize(size: number): void {
    if (size === this.size) return
    this.size = size
    // Without a bound nobody waits.
    if (Number.isFinite(size)) this.busy = busyWith(this.provider, size)
    this.admit()
  }

  /** Calls under way, and calls that wait. */
  get load(): { readonly taken: number; readonly waiting: number } {
    return { taken: this.taken, waiting: this.queue.size }
  }

  readonly ticket = (): Ticket => new Ticket()

  /** Waits for a place; fails with `busy` where none comes, or too many wait already. */
  readonly take = (ticket: Ticket): Effect.Effect<void, Busy> => {
    if (this.taken < this.size && this.queue.size === 0) {
      this.grant(ticket)
      return Effect.void
    }
    if (this.queue.size >= this.size * waitersPerPlace) return Effect.fail(this.busy)
    return Effect.timeoutOrElse(this.queued(ticket), {
      duration: longestWait,
      orElse: () => Effect.fail(this.busy)
    })
  }

  readonly release = (ticket: Ticket): void => {
    this.queue.delete(ticket)
    if (!ticket.isHeld) return
    ticket.isHeld = false
    this.taken--
    this.admit()
  }

  private admit(): void {
    while (this.taken < this.size) {
      const [next] = this.queue
      if (next === undefined) return
      this.queue.delete(next)
      this.grant(next)
      next.resume?.(Effect.void)
    }
  }

  private grant(ticket: Ticket): void {
    ticket.isHeld = true
    this.taken++
  }

  private readonly queued = (ticket: Ticket) =>
    Effect.callback<void>((resume) => {
      ticket.resume = resume
      this.queue.add(ticket)
      return Effect.sync(() => void this.queue.delete(ticket))
    })
}

const busyWith = (provider: string, size: number): Busy =>
  new Busy({
    reason: "provider_rate_limit",
    message: `${provider} is busy: the gateway makes ${size === 1 ? "one call" : `${size} calls`} of it at once`,
    retryAfterMillis: 1000,
    limit: size,
    remaining: 0,
    provider
  })
