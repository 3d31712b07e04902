import type { ModelAlias } from "../config/Settings.ts"
import type { Provider } from "../providers/Provider.ts"

/** A model of a provider that can serve a request. */
export interface Candidate {
  readonly provider: Provider
  /** The provider's own name of the model. */
  readonly model: string
}

export interface Weighted extends Candidate {
  readonly weight: number
}

/** What is known of the candidates when their order is decided. */
export interface Knowledge {
  /** Uniform in [0, 1), for the weighted draw. */
  readonly random: number
  /** Milliseconds to the first content, averaged; undefined where nothing was measured yet. */
  readonly firstContent: (candidate: Candidate) => number | undefined
}

/**
 * The order in which candidates are tried. Pure: chance and measurements come in as arguments. `cheapest` keeps the file's
 * order among the candidates of one alias, which share one price.
 */
export const order = (
  strategy: ModelAlias["strategy"],
  candidates: ReadonlyArray<Weighted>,
  knowledge: Knowledge
): ReadonlyArray<Candidate> => {
  switch (strategy) {
    case "ordered":
    case "cheapest":
      return candidates
    case "weighted": {
      const drawn = draw(candidates, knowledge.random)
      return drawn === undefined ? [] : [drawn, ...candidates.filter((candidate) => candidate !== drawn)]
    }
    case "fastest":
      // The unmeasured come first, so that they get measured.
      return candidates
        .map((candidate) => ({ candidate, millis: knowledge.firstContent(candidate) ?? 0 }))
        .sort((a, b) => a.millis - b.millis)
        .map(({ candidate }) => candidate)
  }
}

const draw = (candidates: ReadonlyArray<Weighted>, random: number): Weighted | undefined => {
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
  let left = random * total
  for (const candidate of candidates) {
    left -= candidate.weight
    if (left < 0) return candidate
  }
  return candidates.at(-1)
}
