import { Context } from "effect"

/** Which slot of a cluster a key belongs to; undefined where there is no cluster, and all keys may go in one command. */
export const RedisSlots = Context.Reference<((key: string) => number) | undefined>("xrouter/storage/RedisSlots", {
  defaultValue: () => undefined
})

const slots = 16_384

/** The braces' content where there is any, else all of the key. */
const hashed = (key: string): string => /^\{([^}]+)\}/.exec(key.slice(key.indexOf("{")))?.[1] ?? key

/**
 * Which slot of a cluster a key belongs to: CRC-16/XMODEM of the part that is hashed, modulo 16,384 (Redis documentation,
 * "Cluster specification", appendix A).
 */
export const slotOf = (key: string): number => {
  let crc = 0
  for (const byte of Buffer.from(hashed(key))) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  }
  return crc & (slots - 1)
}
