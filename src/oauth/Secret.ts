import { hash, randomBytes, timingSafeEqual } from "node:crypto"

/** Codes, session ids, client secrets: 256 random bits, of which only the SHA-256 is kept. */

/** 64 characters that mean themselves in a form, a header and a URL, so that no encoding of a client can spoil them. */
export const drawSecret = (): string => randomBytes(32).toString("hex")

export const hashSecret = (secret: string): string => hash("sha256", secret, "hex")

/** Whether a secret is the one of a hash; takes the same time whatever was given. */
export const isSecretOf = (secret: string, hashed: string): boolean =>
  timingSafeEqual(hash("sha256", secret, "buffer"), Buffer.from(hashed, "hex"))
