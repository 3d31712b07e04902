import { Clock, Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import { Settings } from "../config/Settings.ts"
import type { Attempt } from "../domain/Attempt.ts"
import { InternalError, ValidationError } from "../domain/Errors.ts"
import { Roster } from "../domain/Roster.ts"
import { tokenCount, type Usage } from "../domain/Usage.ts"
import { interruptedLine, isWithId, openingOf, pendingLine, plainText, settledLine } from "./CallLine.ts"
import type { CallRecord, CallTokens, Cost } from "./CallRecord.ts"
import { Journal } from "./Journal.ts"
import type { NotWritten } from "./JournalWriter.ts"
import { Leftovers } from "./Leftovers.ts"
import { Pricing } from "./Pricing.ts"
import { makeShipping } from "./Shipping.ts"
import { findCall, recordOf } from "./UsageTable.ts"

/** What is known of a call before the provider is called. */
export interface CallBegun {
  readonly requestId: string
  /** The answer's own id. */
  readonly id: string
  readonly userId: string
  readonly keyId: string
  /** As the caller asked for it; its price is by this name. */
  readonly model: string
  /** Who is called first. */
  readonly provider: string
  readonly providerModel: string
  readonly streamed: boolean
}

/** What is known of it at its end. */
export interface CallEnded {
  readonly status: "completed" | "cancelled" | "failed"
  /** Who served, or was tried last. */
  readonly provider: string
  readonly providerModel: string
  readonly finishReason?: string | undefined
  /** Nothing was used where it is not said. */
  readonly usage?: Usage | undefined
  /** True where the provider did not count and we did. */
  readonly estimated: boolean
  readonly latencyMillis: number
  readonly firstTokenMillis?: number | undefined
  readonly attempts: ReadonlyArray<Attempt>
}

/** A call in the ledger. */
export interface Entry {
  /** Waits until the record would survive the death of the process; until then the provider must not be called. */
  readonly recorded: Effect.Effect<void, InternalError>
  /**
   * Tells how the call ended, once: of more the first counts. Of a call that was not recorded nothing is told. Answers what it
   * has cost, where a price is known.
   */
  readonly end: (ended: CallEnded) => Cost | undefined
}

/** What each call used and cost: one row, told by the time the answer has gone, whatever happens to the process or the database. */
export class Ledger extends Context.Service<
  Ledger,
  {
    /** Cannot fail and does not wait: its `recorded` does. Whoever begins a call ends it. */
    readonly begin: (call: CallBegun) => Entry
    /** A user's own call, by its answer's id or its request id; fails with `not_found`. */
    readonly find: (userId: string, id: string) => Effect.Effect<CallRecord, ValidationError | InternalError>
    /** Brings all that this instance knows into the database. */
    readonly flush: Effect.Effect<void, InternalError>
  }
>()("xrouter/ledger/Ledger") {
  static readonly layerNoDeps = Layer.effect(
    Ledger,
    Effect.gen(function* () {
      const journal = yield* Journal
      const pricing = yield* Pricing
      const sql = yield* SqlClient
      const clock = yield* Clock.Clock
      const running = new Roster<Call>()
      const shipping = yield* makeShipping()

      const begin = (begun: CallBegun): Entry => {
        const call = new Call(begun, clock.currentTimeMillisUnsafe())
        const { requestId, createdAt } = call.record
        const place = running.enter(call)
        journal.begin({ requestId, createdAt, line: call.line }, (failure) => {
          if (failure !== undefined) running.leave(place)
          call.hear(failure)
        })
        return {
          recorded: call.recorded,
          end: (ended) => {
            if (!running.leave(place)) return undefined
            const { line, cost } = call.settle(ended, pricing)
            journal.end(requestId, line)
            return cost
          }
        }
      }

      const find = Effect.fn("Ledger.find")(function* (userId: string, id: string) {
        // What can be no id need not, and in part cannot, be asked of the database.
        if (!/^[\w-]{1,128}$/.test(id)) return yield* noCall
        const isAsked = (record: CallRecord) =>
          record.userId === userId && (record.requestId === id || record.id === id)
        const known =
          running.all().find(({ record }) => isAsked(record))?.record ??
          journal
            .ended((line) => isWithId(line, id))
            .flatMap(recordOf)
            .find(isAsked)
        return known ?? (yield* findCall(sql, userId, id)) ?? (yield* noCall)
      })

      // Whoever was to end these is gone.
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const call of running.takeAll()) journal.end(call.record.requestId, interruptedLine(call.line))
        })
      )
      return Ledger.of({ begin, find, flush: shipping.flush(true) })
    })
  )

  static readonly layerSettings = Layer.merge(Ledger.layerNoDeps, Leftovers).pipe(
    Layer.provide([Journal.layer, Pricing.layer])
  )

  /** The journal is in `dataDir`, of which it takes a lock; what calls cost is by the prices of `models`. */
  static readonly layer = (options: Pick<LayerOptions, "dataDir" | "models"> = {}) =>
    Ledger.layerSettings.pipe(Layer.provide(layerOptions(options)))

  static readonly layerConfig = Ledger.layerSettings.pipe(Layer.provide(Settings.layer))
}

class Call {
  readonly record: CallRecord
  readonly line: string
  readonly #opening: string
  #heard = false
  #failure: NotWritten | undefined
  #resume: (() => void) | undefined

  constructor(begun: CallBegun, createdAt: number) {
    const model = plainText(begun.model)
    const providerModel = plainText(begun.providerModel)
    this.record = { ...begun, ...untold, createdAt, model, providerModel }
    this.#opening = openingOf(this.record)
    this.line = pendingLine(begun.requestId, this.#opening, this.record)
  }

  hear(failure: NotWritten | undefined): void {
    this.#heard = true
    this.#failure = failure
    const resume = this.#resume
    // Whoever waited is not held by the call any longer.
    this.#resume = undefined
    resume?.()
  }

  readonly recorded: Effect.Effect<void, InternalError> = Effect.callback((resume) => {
    const answer = () => resume(this.#failure === undefined ? Effect.void : Effect.fail(notRecorded(this.#failure)))
    if (this.#heard) answer()
    else this.#resume = answer
  })

  /** Answers the line that tells it, and what it has cost, where a price is known. */
  settle({ usage, ...ended }: CallEnded, pricing: Pricing["Service"]): { line: string; cost: Cost | undefined } {
    const tokens = tokensOf(usage)
    const tariff = pricing.tariffOf(this.record.model)
    const cost = tariff?.costOf(tokens)
    const line = settledLine(
      this.record.requestId,
      this.#opening,
      {
        status: ended.status,
        provider: ended.provider,
        providerModel: plainText(ended.providerModel),
        finishReason: ended.finishReason ?? null,
        tokens,
        estimated: ended.estimated,
        cost: cost ?? null,
        latencyMillis: wholeMillis(ended.latencyMillis),
        firstTokenMillis: ended.firstTokenMillis === undefined ? null : wholeMillis(ended.firstTokenMillis),
        attempts: ended.attempts
      },
      tariff?.price
    )
    return { line, cost }
  }
}

const untold = {
  status: "pending",
  finishReason: null,
  tokens: null,
  estimated: false,
  cost: null,
  latencyMillis: null,
  firstTokenMillis: null,
  attempts: []
} as const

const tokensOf = (usage: Usage | undefined): CallTokens => ({
  prompt: tokenCount(usage?.promptTokens),
  completion: tokenCount(usage?.completionTokens),
  cached: tokenCount(usage?.cachedTokens),
  reasoning: tokenCount(usage?.reasoningTokens)
})

const wholeMillis = (millis: number): number => tokenCount(Math.round(millis))

const noCall = new ValidationError({ reason: "not_found", message: "There is no such call" })

const notRecorded = (cause: NotWritten) =>
  new InternalError({
    reason: "database_unavailable",
    message: "What the call would use cannot be recorded now; it was not made",
    retryAfterMillis: 1000,
    cause
  })
