import { randomUUID } from "node:crypto"

/** 32 hexadecimal digits, 122 random bits of them. Node draws for many UUIDs at once, so that one costs no system call. */
export const randomHex = (): string => randomUUID().replaceAll("-", "")

export const makeRequestId = (): string => `req_${randomHex()}`
export const makeCompletionId = (): string => `chatcmpl-${randomHex()}`
