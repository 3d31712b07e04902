import { hash, timingSafeEqual } from "node:crypto"

/** Proof Key for Code Exchange, with SHA-256 and nothing else (RFC 7636, section 4). */

/** 32 bytes in base64url: 43 characters, of which the last carries four bits. */
const challengeForm = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
const verifierForm = /^[A-Za-z0-9._~-]{43,128}$/

export const isChallenge = (text: string): boolean => challengeForm.test(text)

export const isVerifier = (text: string): boolean => verifierForm.test(text)

/** Whether the challenge was made of this verifier; takes the same time whichever character differs. */
export const verifies = (verifier: string, challenge: string): boolean => {
  const expected = Buffer.from(challenge, "base64url")
  const given = hash("sha256", verifier, "buffer")
  return isVerifier(verifier) && isChallenge(challenge) && timingSafeEqual(given, expected)
}
