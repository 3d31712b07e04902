import { Array as Arr, Cause, Channel, Clock, Context, Effect, Exit, Layer, Pull, Scope, Stream } from "effect"
import { Settings } from "../config/Settings.ts"
import { type ChatEvent, isContent } from "../domain/ChatEvent.ts"
import type { ProviderFailure, RateLimitError } from "../domain/Errors.ts"
import type { Prepared, PreparedEmbeddings } from "../providers/Provider.ts"
import { UnfitAnswer } from "../providers/UnfitAnswer.ts"
import { Catalog } from "./Catalog.ts"
import { isOutage, noContent, timedOut } from "./Failures.ts"
import { Places } from "./Places.ts"
import type { Candidate } from "./Policy.ts"
import { ProviderChanges } from "./ProviderChanges.ts"
import { ProviderHealth } from "./ProviderHealth.ts"
import type { EmbeddingReply, Reply } from "./Router.ts"
import type { Able, Run } from "./Run.ts"
import { type Condition, Conditions } from "./Conditions.ts"

type Events = Arr.NonEmptyReadonlyArray<ChatEvent>

/** One try at one candidate: its place, its timers, and what its end says of the provider. */
export class Attempts extends Context.Service<
  Attempts,
  {
    /**
     * Calls the candidate until its first content. Fails with `Busy` where it has not been called at all. Closing the scope, or
     * interrupting, closes the upstream's connection at once and gives its place to the next.
     */
    readonly call: (run: Run<Prepared>, able: Able<Prepared>) => Effect.Effect<Reply, ProviderFailure, Scope.Scope>
    /** The same of texts to be embedded, until all vectors are there. */
    readonly embed: (
      run: Run<PreparedEmbeddings>,
      able: Able<PreparedEmbeddings>
    ) => Effect.Effect<EmbeddingReply, ProviderFailure, Scope.Scope>
    /** Tells what a failure says of the candidate: that it is away, or that it works and would not. */
    readonly judge: (candidate: Candidate, failure: ProviderFailure, at: number) => void
  }
>()("xrouter/router/Attempts") {
  static readonly layer = Layer.effect(
    Attempts,
    Effect.gen(function* () {
      const catalog = yield* Catalog
      const health = yield* ProviderHealth
      const conditions = yield* Conditions
      const settings = yield* Settings
      const changes = yield* ProviderChanges
      const clock = yield* Clock.Clock
      const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      /** By name, since they are the account's: calls that run on a provider's predecessor count with its own. */
      const places = new Map<string, Places>()
      const readPlaces = () => {
        for (const [name, own] of settings.providers) {
          const concurrency = "concurrency" in own ? own.concurrency : undefined
          const there = places.get(name)
          if (there !== undefined) there.resize(concurrency ?? Infinity)
          else if (concurrency !== undefined) places.set(name, new Places(name, concurrency))
        }
      }
      readPlaces()
      changes.follow(readPlaces)

      const conditionOf = ({ model, provider }: Candidate) => conditions.of(provider, model)

      const judge = (candidate: Candidate, failure: ProviderFailure, at: number) => {
        const { provider } = candidate
        if (failure._tag === "ProviderError" && !(failure instanceof UnfitAnswer)) health.failed(provider)
        if (failure._tag === "RateLimitError") conditionOf(candidate).restsUntil = at + failure.retryAfterMillis
        if (!isOutage(failure)) {
          const condition = conditions.find(provider, candidate.model)
          if (condition !== undefined) succeeded(candidate, condition)
          return
        }
        const condition = conditionOf(candidate)
        condition.failure = failure.reason
        if (condition.circuit.fail(at)) conditions.changed(provider, candidate.model, at)
      }

      const succeeded = ({ model, provider }: Candidate, { circuit }: Condition) => {
        if (circuit.succeed()) conditions.changed(provider, model, now())
      }

      const begun = (
        run: Run<unknown>,
        { candidate, condition = conditionOf(candidate) }: Able<unknown>,
        isWhole: boolean
      ) => {
        const { model, provider } = candidate
        const at = now()
        const millis = at - run.calledAt
        const speed = run.isStream ? condition.stream : condition.whole
        speed.measure(millis, at)
        health.succeeded(provider, millis)
        catalog.answered(provider.name, model)
        if (isWhole) succeeded(candidate, condition)
        else if (condition.circuit.begin()) conditions.changed(provider, model, at)
      }

      const inTime = <A>(
        run: Run<unknown>,
        candidate: Candidate,
        content: Effect.Effect<A, ProviderFailure>
      ): Effect.Effect<A, ProviderFailure> => {
        const { patience } = candidate
        const limit = run.isStream ? patience.stream : patience.whole
        const { isFirst } = run
        // The transport's own timers are enough, as long as nobody has used up a part of the time.
        if (limit === undefined && isFirst) return content
        const left = isFirst ? patience.total : Math.max(0, Math.ceil(run.startedAt + patience.total - now()))
        const isTotal = limit === undefined || limit >= left
        return Effect.timeoutOrElse(content, {
          duration: isTotal ? left : limit,
          orElse: () => Effect.fail(timedOut(candidate, isTotal ? "total" : "first_token"))
        })
      }

      /** A candidate that answers at once. It holds nothing but its call, which ends with it. */
      const ask = (
        run: Run<Prepared>,
        able: Able<Prepared>,
        whole: Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure>
      ): Effect.Effect<Reply, ProviderFailure> =>
        Effect.map(inTime(run, able.candidate, contentOf(able.candidate, whole)), (first): Reply => {
          begun(run, able, true)
          return {
            candidate: able.candidate,
            dropped: able.prepared.dropped,
            attempts: run.attempts,
            first,
            rest: undefined
          }
        })

      /** What comes after the first content: nobody takes over from here, so it only tells how it ends. */
      const remainder = (
        run: Run<Prepared>,
        candidate: Candidate,
        pull: Pull.Pull<Events, ProviderFailure>
      ): Reply["rest"] => {
        const condition = conditionOf(candidate)
        const deadline = run.startedAt + candidate.patience.total
        const heard = Effect.matchEffect(pull, {
          onSuccess: (events) => {
            if (events.at(-1)?._tag === "Finished") succeeded(candidate, condition)
            return Effect.succeed(events)
          },
          onFailure: (failure) => {
            if (!Cause.isDone(failure)) judge(candidate, failure, now())
            return Effect.fail(failure)
          }
        })
        const late = Effect.suspend(() => {
          const failure = timedOut(candidate, "total")
          judge(candidate, failure, now())
          return Effect.fail(failure)
        })
        return Effect.suspend(() => {
          const left = deadline - now()
          if (left <= 0) return late
          // The default is long beside the idle timer, and needs none of its own.
          return candidate.patience.isTotalExact
            ? Effect.timeoutOrElse(heard, { duration: left, orElse: () => late })
            : heard
        })
      }

      /** A candidate that streams, with a scope of its own: what failed must not stay open beside its successor. */
      const listen = (run: Run<Prepared>, able: Able<Prepared>): Effect.Effect<Reply, ProviderFailure, Scope.Scope> =>
        Effect.flatMap(Effect.scope, (outer) => {
          const { candidate, prepared } = able
          const scope = Scope.forkUnsafe(outer)
          const opened = Effect.flatMap(Channel.toPullScoped(Stream.toChannel(prepared.events), scope), (pull) =>
            Effect.map(firstContent(candidate, pull), (first) => ({ first, pull }))
          )
          const begin = Effect.map(inTime(run, candidate, opened), ({ first, pull }): Reply => {
            begun(run, able, first.at(-1)?._tag === "Finished")
            const rest = remainder(run, candidate, pull)
            return { candidate, dropped: prepared.dropped, attempts: run.attempts, first, rest }
          })
          return Effect.onExit(begin, (exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
        })

      const begin = (run: Run<Prepared>, able: Able<Prepared>): Effect.Effect<Reply, ProviderFailure, Scope.Scope> => {
        const { whole } = able.prepared
        traced(run, able)
        return whole === undefined ? listen(run, able) : ask(run, able, whole)
      }

      const beginEmbedding = (
        run: Run<PreparedEmbeddings>,
        able: Able<PreparedEmbeddings>
      ): Effect.Effect<EmbeddingReply, ProviderFailure> => {
        const { candidate, prepared } = able
        traced(run, able)
        return Effect.map(inTime(run, candidate, prepared.embeddings), (embeddings): EmbeddingReply => {
          begun(run, able, true)
          return { candidate, dropped: prepared.dropped, attempts: run.attempts, embeddings }
        })
      }

      /** Begins the call, where the provider has places with one for as long as it lasts. */
      const placed = <R, E, S>(
        run: Run<unknown>,
        { provider }: Candidate,
        isWhole: boolean,
        begin: () => Effect.Effect<R, E, S>
      ): Effect.Effect<R, E | RateLimitError, S | Scope.Scope> => {
        // The first call begins with the run.
        if (!run.isFirst) run.calledAt = now()
        const own = places.get(provider.name)
        if (own === undefined) return begin()
        const ticket = own.ticket()
        const release = Effect.sync(() => own.release(ticket))
        const calling = Effect.andThen(
          own.take(ticket),
          Effect.suspend(() => {
            run.calledAt = now()
            return begin()
          })
        )
        if (isWhole) return Effect.ensuring(calling, release)
        return Effect.flatMap(Effect.scope, (scope) =>
          Effect.andThen(
            Scope.addFinalizer(scope, release),
            Effect.onExit(calling, (exit) => (Exit.isSuccess(exit) ? Effect.void : release))
          )
        )
      }

      return {
        judge,
        call: (run, able) => placed(run, able.candidate, able.prepared.whole !== undefined, () => begin(run, able)),
        embed: (run, able) => placed(run, able.candidate, true, () => beginEmbedding(run, able))
      }
    })
  )
}

const traced = ({ asked, calledAt }: Run<unknown>, { candidate: { model, provider } }: Able<unknown>): void =>
  asked.trace?.callBegan(provider.name, model, calledAt)

/** Pulls until there is something that a client can see. */
const firstContent = (
  candidate: Candidate,
  pull: Pull.Pull<Events, ProviderFailure>
): Effect.Effect<Events, ProviderFailure> => {
  const seek = (before: ReadonlyArray<ChatEvent>): Pull.Pull<Events, ProviderFailure> =>
    Effect.flatMap(pull, (events) => {
      const all = before.length === 0 ? events : Arr.appendAll(before, events)
      return events.some(isContent) ? Effect.succeed(all) : seek(all)
    })
  return Pull.catchDone(seek([]), () => Effect.fail(noContent(candidate)))
}

const contentOf = (
  candidate: Candidate,
  whole: Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure>
): Effect.Effect<Events, ProviderFailure> =>
  Effect.flatMap(whole, (events) =>
    Arr.isReadonlyArrayNonEmpty(events) && events.some(isContent)
      ? Effect.succeed(events)
      : Effect.fail(noContent(candidate))
  )
