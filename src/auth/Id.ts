import { Clock, Effect } from "effect"
import { randomBytes } from "node:crypto"

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

/** True of what can be an id at all; anything else, a NUL for one, need not and in part cannot be asked of the database. */
export const isId = (prefix: string, text: string): boolean =>
  text.startsWith(`${prefix}_`) && /^[0-9a-z]{26}$/.test(text.slice(prefix.length + 1))

/**
 * An id that sorts by the time it was made, as ULID's: 10 characters of milliseconds and 16 of chance, in Crockford's base32.
 */
export const makeId = <Prefix extends string>(prefix: Prefix): Effect.Effect<`${Prefix}_${string}`> =>
  Clock.clockWith((clock) =>
    Effect.sync(() => {
      let time = ""
      for (let rest = clock.currentTimeMillisUnsafe(); time.length < 10; rest = Math.floor(rest / 32)) {
        time = alphabet.charAt(rest % 32) + time
      }
      const chance = Array.from(randomBytes(16), (byte) => alphabet.charAt(byte % 32)).join("")
      return `${prefix}_${time}${chance}` as const
    })
  )
