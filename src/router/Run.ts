import type { Effect } from "effect"
import type { Attempt } from "../domain/Attempt.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { Prepared } from "../providers/Provider.ts"
import type { Resolution } from "./Catalog.ts"
import type { OwnFailure } from "./Failures.ts"
import type { Candidate } from "./Policy.ts"
import type { Condition } from "./Conditions.ts"

export interface PlanOptions {
  readonly requestId: string
  readonly request: ChatRequest
  readonly resolution: Resolution
}

/** What the request is planned by. */
export interface Asked extends PlanOptions {
  /** Only who carries every parameter. */
  readonly isExact: boolean
}

/** A candidate that can carry the request, and who comes after it. */
export interface Able {
  readonly candidate: Candidate
  readonly prepared: Prepared
  /** Undefined of a model that nobody has called yet. */
  readonly condition: Condition | undefined
  readonly others: ReadonlyArray<Candidate>
}

/** A candidate that may be asked again, and from when on. */
export interface Again {
  readonly able: Able
  readonly notBefore: number
}

/** One request on its way through the candidates. Milliseconds of a monotonic clock. */
export class Run {
  readonly options: Asked
  readonly startedAt: number
  readonly attempts: Array<Attempt> = []
  /** Of the try that is under way. */
  calledAt: number
  /** The last one that a provider gave; without any, why none was called. */
  failure: OwnFailure | undefined
  /** Made at the first failure that is worth another try. */
  again: Array<Again> | undefined
  pauses: Effect.Effect<number> | undefined

  constructor(options: Asked, startedAt: number) {
    this.options = options
    this.startedAt = startedAt
    this.calledAt = startedAt
  }

  /** Nobody has been tried yet, or waited for. */
  get isFirst(): boolean {
    return this.failure === undefined
  }

  get isStream(): boolean {
    return this.options.request.stream === true
  }
}
