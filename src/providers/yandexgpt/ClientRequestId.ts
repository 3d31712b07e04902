import { createHash } from "node:crypto"

/** The vendor wants a UUID: the digits of our own id, so that both sides' logs can be laid side by side, or else a hash of it. */
export const clientRequestId = (requestId: string): string => {
  const digits =
    /[0-9a-f]{32}$/.exec(requestId)?.[0] ?? createHash("sha256").update(requestId).digest("hex").slice(0, 32)
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}
