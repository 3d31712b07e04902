import { estimateTokens } from "../domain/TokenEstimate.ts"
import type { Usage } from "../domain/Usage.ts"
import type { Embeddings } from "../providers/Provider.ts"
import type { CallMeter } from "./CallAccount.ts"

/** What one request for embeddings has used: its texts, and nothing before the vectors are there. */
export class EmbeddingsMeter implements CallMeter {
  /** Tokens of the texts, as far as they can be told before the call. */
  readonly estimate: number
  readonly finishReason = undefined
  private answer: Embeddings | undefined

  constructor(texts: ReadonlyArray<string>) {
    this.estimate = texts.reduce((sum, text) => sum + estimateTokens(text.length), 0)
  }

  hear(answer: Embeddings): void {
    this.answer = answer
  }

  get isIdle(): boolean {
    return this.answer === undefined
  }

  get isEstimated(): boolean {
    return this.answer?.promptTokens === undefined
  }

  get usage(): Usage {
    return this.answer?.promptTokens === undefined ? this.ownCount : inputOf(this.answer.promptTokens)
  }

  get ownCount(): Usage {
    return inputOf(this.estimate)
  }
}

const inputOf = (promptTokens: number): Usage => ({
  promptTokens,
  completionTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0
})
