import type { Effect, Scope } from "effect"
import type { Attempt } from "../domain/Attempt.ts"
import type { ProviderFailure } from "../domain/Errors.ts"
import { sumOf, type Usage } from "../domain/Usage.ts"
import type { RequestTrace } from "../telemetry/RequestTrace.ts"
import type { OwnFailure } from "./Failures.ts"
import type { Candidate } from "./Policy.ts"
import type { Condition } from "./Conditions.ts"

export type MayCall = (candidate: Candidate) => Effect.Effect<void, OwnFailure, Scope.Scope>

/** What is asked of the candidates, whether a chat or vectors of texts; `P` is what a candidate makes of it before it is sent. */
export interface Asked<P> {
  readonly requestId: string
  readonly isStream: boolean
  /** Most calls of providers, beside one of each candidate. */
  readonly attempts: number
  /** Hears of each call, where the request is traced. */
  readonly trace?: RequestTrace | undefined
  /**
   * Asked before each call but the run's first, which whoever runs it has let in: a candidate that may not be called now is passed
   * over as one that is busy.
   */
  readonly mayCall?: MayCall | undefined
  /** Fails, without any network, where the candidate cannot carry it. */
  readonly prepare: (candidate: Candidate) => Effect.Effect<P, ProviderFailure>
}

/** A candidate that can carry the request, and who comes after it. */
export interface Able<P> {
  readonly candidate: Candidate
  readonly prepared: P
  /** Undefined of a model that nobody has called yet. */
  readonly condition: Condition | undefined
  readonly others: ReadonlyArray<Candidate>
}

/** A candidate that may be asked again, and from when on. */
export interface Again<P> {
  readonly able: Able<P>
  readonly notBefore: number
}

/** One request on its way through the candidates. Milliseconds of a monotonic clock. */
export class Run<P> {
  readonly asked: Asked<P>
  readonly startedAt: number
  readonly attempts: Array<Attempt> = []
  /** Of the try that is under way. */
  calledAt: number
  /** The last one that a provider gave; without any, why none was called. */
  failure: OwnFailure | undefined
  /** By tries that failed all the same. */
  usage: Usage | undefined
  /** Made at the first failure that is worth another try. */
  again: Array<Again<P>> | undefined
  pauses: Effect.Effect<number> | undefined

  constructor(asked: Asked<P>, startedAt: number) {
    this.asked = asked
    this.startedAt = startedAt
    this.calledAt = startedAt
  }

  /** Nobody has been tried yet, or waited for. */
  get isFirst(): boolean {
    return this.failure === undefined
  }

  get isStream(): boolean {
    return this.asked.isStream
  }

  used(usage: Usage): void {
    this.usage = this.usage === undefined ? usage : sumOf(this.usage, usage)
  }
}
