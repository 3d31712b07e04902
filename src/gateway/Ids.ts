import { randomFillSync } from "node:crypto"

/** Random bytes for many ids at once: one by one they would cost a system call each. */
const stock = Buffer.alloc(4096)
let next = stock.length

/** 32 hexadecimal digits, 128 random bits. */
export const randomHex = (): string => {
  if (next === stock.length) {
    randomFillSync(stock)
    next = 0
  }
  const start = next
  next += 16
  return stock.toString("hex", start, next)
}

export const makeRequestId = (): string => `req_${randomHex()}`
/** `chatcmpl-…`, `cmpl-…`, `resp_…` */
export const makeAnswerId = (prefix: string): string => prefix + randomHex()
