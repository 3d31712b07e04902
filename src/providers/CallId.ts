import { randomBytes } from "node:crypto"

/** Of a tool call to which its provider gave none. */
export const newCallId = (): string => `call_${randomBytes(12).toString("hex")}`
