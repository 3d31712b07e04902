import { Context, Effect, Layer, Scope } from "effect"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import { Settings } from "../config/Settings.ts"
import { type InternalError, RateLimitError } from "../domain/Errors.ts"
import type { LimitSet, Principal } from "../domain/Principal.ts"
import { Roster } from "../domain/Roster.ts"
import { hasLimit, limitsOver, strictest } from "./LimitSets.ts"
import { type Decision, LimiterStore, newReservation, type Reservation, type Windows } from "./LimiterStore.ts"
import { refusalMessage } from "./RefusalMessage.ts"
import { renewalMillis } from "./Spans.ts"

/**
 * A request that was let in. Its lease is given back when the scope closes, its tokens settled with what `used` was
 * told last.
 */
export interface Admission {
  readonly windows: Windows
  /** Tells the true number of tokens; without it the estimate stands. */
  readonly used: (tokens: number) => void
}

/**
 * Takes over what the scope would do at its end: whoever passes this runs the effect when the request has ended, however it has.
 * It is called before anything can interrupt the request.
 */
export type OnRelease = (release: Effect.Effect<void>) => void

/**
 * What callers may use, and that they do not use more: the tier's limits, the credential's own over them, and those of
 * a model.
 */
export class Limits extends Context.Service<
  Limits,
  {
    /**
     * Decides on one request. `onWindows` hears how the windows stand, and whether that was decided without the store that
     * all instances share, for an admission and for a refusal alike, since both tell the client in headers; and that
     * nothing could be decided.
     */
    readonly admit: (options: {
      readonly principal: Principal
      readonly requestId: string
      /** Estimated tokens of prompt and answer. */
      readonly estimate: number
      readonly onWindows: (windows: Windows, isDegraded: boolean) => void
      readonly onRelease?: OnRelease | undefined
    }) => Effect.Effect<Admission, RateLimitError | InternalError, Scope.Scope>
    /**
     * Decides on one call of a provider's model, by what all callers together may use of it. A call that comes to
     * nothing tells `used(0)` and has then taken no tokens.
     */
    readonly admitModel: (options: {
      /** `provider/model`. */
      readonly model: string
      readonly requestId: string
      readonly estimate: number
      readonly onRelease?: OnRelease | undefined
    }) => Effect.Effect<Admission, RateLimitError | InternalError, Scope.Scope>
    /** The limits that hold for a caller, and how their windows stand. Costs nothing of them. */
    readonly standing: (
      principal: Principal
    ) => Effect.Effect<{ readonly limits: LimitSet; readonly windows: Windows }, InternalError>
  }
>()("xrouter/limits/Limits") {
  static readonly layerSettings = Layer.effect(
    Limits,
    Effect.gen(function* () {
      const settings = yield* Settings
      const store = yield* LimiterStore
      const running = new Roster<Reservation>()
      const limitsOf = (tier: string): LimitSet =>
        // A key may name a tier that the configuration has lost: it must not become unlimited by that.
        settings.tiers.get(tier) ?? strictest(settings.tiers.values())

      yield* Effect.sleep(renewalMillis).pipe(
        Effect.andThen(Effect.suspend(() => (running.size === 0 ? Effect.void : store.renew(running.all())))),
        Effect.forever,
        Effect.forkScoped
      )

      const reserve = (
        reservation: Reservation,
        model: string | undefined,
        { onRelease, onWindows }: Hearers
      ): Effect.Effect<Admission, RateLimitError | InternalError, Scope.Scope> => {
        const decided = (decision: Decision): Effect.Effect<Admission, RateLimitError, Scope.Scope> => {
          onWindows?.(decision.windows, decision.isDegraded === true)
          if (decision._tag === "Refused") {
            const { limit, reason, remaining, retryAfterMillis } = decision
            const message = refusalMessage(decision, reservation.tokens, model)
            return Effect.fail(new RateLimitError({ reason, message, limit, remaining, retryAfterMillis }))
          }
          let used = reservation.tokens
          const place = reservation.limits.concurrency === undefined ? undefined : running.enter(reservation)
          const release = Effect.suspend(() => {
            if (place !== undefined) running.leave(place)
            return store.settle(reservation, used)
          })
          const admission = Effect.succeed<Admission>({
            windows: decision.windows,
            used: (tokens) => {
              used = tokens
            }
          })
          if (onRelease !== undefined) {
            onRelease(release)
            return admission
          }
          // `Effect.addFinalizer` would keep a copy of all services for it, which costs more than the decision did.
          return Effect.andThen(
            Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, release)),
            admission
          )
        }
        const undecided = (error: InternalError) => {
          onWindows?.(unlimited.windows, true)
          return Effect.fail(error)
        }
        // A caller who leaves while the store decides would otherwise keep what it had just been given.
        return Effect.uninterruptible(
          Effect.matchEffect(store.reserve(reservation), { onFailure: undecided, onSuccess: decided })
        )
      }

      return {
        admit: ({ estimate, onRelease, onWindows, principal, requestId }) => {
          const limits = limitsOver(limitsOf(principal.tier), principal.limits)
          if (!hasLimit(limits)) {
            onWindows(unlimited.windows, false)
            return Effect.succeed(unlimited)
          }
          const tokens = estimated(limits, estimate)
          const reservation = newReservation(principal.limitSubject, limits, requestId, tokens)
          return reserve(reservation, undefined, { onWindows, onRelease })
        },
        standing: (principal) => {
          const limits = limitsOver(limitsOf(principal.tier), principal.limits)
          const windows = hasLimit(limits) ? store.look(principal.limitSubject, limits) : Effect.succeed({})
          return Effect.map(windows, (windows) => ({ limits, windows }))
        },
        admitModel: ({ estimate, model, onRelease, requestId }) => {
          const limits = settings.modelLimits.get(model)
          if (limits === undefined || !hasLimit(limits)) return Effect.succeed(unlimited)
          const tokens = estimated(limits, estimate)
          return reserve(newReservation(`model:${model}`, limits, requestId, tokens), model, { onRelease })
        }
      }
    })
  )

  static readonly layer = (
    options: Pick<LayerOptions, "tiers" | "modelLimits"> = {}
  ): Layer.Layer<Limits, never, LimiterStore> => Limits.layerSettings.pipe(Layer.provide(layerOptions(options)))

  /** `tiers` and `limits` as the configuration has them. */
  static readonly layerConfig = Limits.layerSettings.pipe(Layer.provide(Settings.layer))
}

interface Hearers {
  readonly onWindows?: (windows: Windows, isDegraded: boolean) => void
  readonly onRelease: OnRelease | undefined
}

/** Where no limit holds. */
export const unlimited: Admission = { windows: {}, used: () => undefined }

const estimated = (limits: LimitSet, estimate: number): number =>
  limits.tpm === undefined && limits.tpd === undefined ? 0 : Math.ceil(estimate)
