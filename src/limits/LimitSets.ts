import type { LimitSet } from "../domain/Principal.ts"

const kinds = ["rpm", "rpd", "tpm", "tpd", "concurrency"] as const satisfies ReadonlyArray<keyof LimitSet>

export const hasLimit = (limits: LimitSet): boolean => kinds.some((kind) => limits[kind] !== undefined)

/** A credential's own limits over those of its tier, one by one. */
export const limitsOver = (tier: LimitSet, own: LimitSet): LimitSet => (hasLimit(own) ? { ...tier, ...own } : tier)

/** Of each kind the least that any of the sets allows. */
export const strictest = (sets: Iterable<LimitSet>): LimitSet => {
  const least: { -readonly [Kind in keyof LimitSet]: LimitSet[Kind] } = {}
  for (const limits of sets) {
    for (const kind of kinds) {
      const limit = limits[kind]
      if (limit !== undefined) least[kind] = Math.min(limit, least[kind] ?? limit)
    }
  }
  return least
}
