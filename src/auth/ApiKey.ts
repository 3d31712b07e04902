import { hash, randomBytes } from "node:crypto"
import { crc32 } from "node:zlib"

/**
 * The text of an API key: `xr-<tier>-<random>-<checksum>`. `<random>` are 22 base62 characters, 131 random bits; `<checksum>` are 6,
 * the CRC-32 of all before it, so that a mistyped or cut key is refused without a look-up.
 */

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const randomLength = 22
const checksumLength = 6
const form = /^xr-([a-z0-9_]+)-([0-9A-Za-z]{22})-([0-9A-Za-z]{6})$/
const tierForm = /^[a-z0-9_]+$/

/** What every key begins with. */
export const keyStart = "xr-"

/** True of a tier whose name can stand in a key. */
export const isTierName = (name: string): boolean => tierForm.test(name)

export const generateKey = (tier: string): string => {
  const body = `${keyStart}${tier}-${randomText(randomLength)}`
  return `${body}-${checksum(body)}`
}

/** The key's tier, as it was when the key was made; undefined where this is no key, or one with a typing error. */
export const parseKey = (text: string): { readonly tier: string } | undefined => {
  const match = form.exec(text)
  if (match === null) return undefined
  const [, tier, , sum] = match
  return tier !== undefined && checksum(text.slice(0, -checksumLength - 1)) === sum ? { tier } : undefined
}

/** What is kept of a key: its SHA-256 in hexadecimal. */
export const hashKey = (key: string): string => hash("sha256", key, "hex")

/** What people see of a key: enough to tell it from others, too little to guess the rest. */
export const prefixOf = (key: string): string => key.slice(0, key.length - checksumLength - 1 - randomLength + 4)

const checksum = (text: string): string => {
  let rest = crc32(text)
  let sum = ""
  for (let place = 0; place < checksumLength; place++) {
    sum = alphabet.charAt(rest % 62) + sum
    rest = Math.floor(rest / 62)
  }
  return sum
}

const randomText = (length: number): string => {
  let text = ""
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is the last multiple of 62 in a byte: the bytes above it would favour some characters.
      if (byte < 248 && text.length < length) text += alphabet.charAt(byte % 62)
    }
  }
  return text
}
