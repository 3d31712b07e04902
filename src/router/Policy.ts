import type { ModelAlias } from "../config/Settings.ts"
import type { Provider } from "../providers/Provider.ts"
import type { Patience } from "./Timeouts.ts"

/** A model of a provider that can serve a request. */
export interface Candidate {
  readonly provider: Provider
  /** The provider's own name of the model. */
  readonly model: string
  /** How long it may take; the defaults unless set. */
  readonly patience: Patience
  /** It has no tools of its own, and is told of them in words. */
  readonly tools?: "prompt" | undefined
}

export interface Weighted extends Candidate {
  readonly weight: number
  /** What a token costs, of prompt and answer together, in whatever is compared; undefined where nobody has said. */
  readonly cost?: number | undefined
}

/** What is known of the candidates when their order is decided. */
export interface Knowledge {
  /** Uniform in [0, 1), for the weighted draw and for the probes of the slower ones. */
  readonly random: number
  /** Milliseconds to the first content, averaged; undefined where nothing was measured yet. */
  readonly firstContent: (candidate: Candidate) => number | undefined
}

/** So often `fastest` calls one that is not, to learn whether it still is not. */
export const probes = 0.05

/** The order in which candidates are tried. Pure: chance and measurements come in as arguments. Sorting is stable. */
export const order = (
  strategy: ModelAlias["strategy"],
  candidates: ReadonlyArray<Weighted>,
  knowledge: Knowledge
): ReadonlyArray<Weighted> => {
  switch (strategy) {
    case "ordered":
      return candidates
    case "cheapest":
      return sorted(candidates, ({ cost }) => cost ?? Infinity)
    case "weighted":
      return first(candidates, draw(candidates, knowledge.random))
    case "fastest": {
      // The unmeasured come first, so that they get measured.
      const millis = (candidate: Weighted) => knowledge.firstContent(candidate) ?? -1
      const fastest = sorted(candidates, millis)
      if (knowledge.random >= probes || fastest.some((candidate) => millis(candidate) < 0)) return fastest
      const slower = fastest.slice(1)
      return first(fastest, slower[Math.floor((knowledge.random / probes) * slower.length)])
    }
  }
}

const sorted = (
  candidates: ReadonlyArray<Weighted>,
  valueOf: (candidate: Weighted) => number
): ReadonlyArray<Weighted> =>
  candidates
    .map((candidate) => ({ candidate, value: valueOf(candidate) }))
    .sort((a, b) => (a.value === b.value ? 0 : a.value - b.value))
    .map(({ candidate }) => candidate)

/** The others stay as they are behind the one. */
const first = (candidates: ReadonlyArray<Weighted>, chosen: Weighted | undefined): ReadonlyArray<Weighted> =>
  chosen === undefined ? candidates : [chosen, ...candidates.filter((candidate) => candidate !== chosen)]

const draw = (candidates: ReadonlyArray<Weighted>, random: number): Weighted | undefined => {
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
  let left = random * total
  for (const candidate of candidates) {
    left -= candidate.weight
    if (left < 0) return candidate
  }
  return candidates.at(-1)
}
