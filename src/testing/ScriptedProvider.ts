import { Effect, Stream } from "effect"
import type { ProviderFailure } from "../domain/Errors.ts"
import type { Abilities, ChatCall, EmbeddingCall, Embeddings, Provider, ProviderModel } from "../providers/Provider.ts"
import { type Answer, says } from "./Answers.ts"

/** A provider without a network, which answers as it is told and remembers what it was asked. */
export interface ScriptedProvider extends Provider {
  /** Calls that were translated, whether they were sent or not. */
  readonly prepared: ReadonlyArray<ChatCall>
  /** Calls that were sent. */
  readonly sent: ReadonlyArray<ChatCall>
  /** Of those that were sent, the ones whose caller left before the answer's end. */
  readonly abandoned: ReadonlyArray<ChatCall>
  /** Texts that were embedded. */
  readonly embedded: ReadonlyArray<EmbeddingCall>
}

/** All of it optional: without anything the provider says who it is. */
export interface Script {
  /** What it answers, or fails with: always the same; by turns, the last one from then on; or by the call. */
  readonly answer?: Answer | ReadonlyArray<Answer> | ((call: ChatCall) => Answer)
  /** What it refuses to translate a request with. */
  readonly refusal?: ProviderFailure
  /** What it tells as left out, by OpenAI's names. */
  readonly dropped?: ReadonlyArray<string>
  /** Ids, or what it does when it is asked for them. None unless given. */
  readonly models?: ReadonlyArray<string> | Provider["models"]
  /** Everything is passed on unless it says so. */
  readonly abilities?: Abilities
  /** The vectors of texts; without it the provider embeds nothing. */
  readonly embed?: (call: EmbeddingCall) => Effect.Effect<Embeddings, ProviderFailure>
}

/**
 * A scripted provider of this name. Each has its own memory. It is not bound to a scope, and holds what it was asked for as long
 * as it lives itself.
 */
export const make = (name: string, script: Script = {}): ScriptedProvider => {
  const prepared: Array<ChatCall> = []
  const sent: Array<ChatCall> = []
  const abandoned: Array<ChatCall> = []
  const embedded: Array<EmbeddingCall> = []
  const { abilities, embed } = script

  const send = (call: ChatCall): Answer =>
    Stream.suspend(() => {
      const answer = answerTo(script.answer ?? says(`I am ${name}`), call, sent.length)
      sent.push(call)
      let isOver = false
      const end = Effect.sync(() => {
        isOver = true
      })
      return answer.pipe(
        Stream.tapError(() => end),
        Stream.concat(Stream.fromEffectDrain(end)),
        Stream.ensuring(Effect.sync(() => isOver || abandoned.push(call)))
      )
    })

  return {
    name,
    prepared,
    sent,
    abandoned,
    embedded,
    models: modelsOf(script.models ?? []),
    ...(abilities === undefined ? {} : { abilities: () => abilities }),
    ...(embed === undefined
      ? {}
      : {
          embed: (call) =>
            Effect.succeed({
              dropped: [],
              embeddings: Effect.suspend(() => {
                embedded.push(call)
                return embed(call)
              })
            })
        }),
    prepare: (call) =>
      Effect.suspend(() => {
        prepared.push(call)
        if (script.refusal !== undefined) return Effect.fail(script.refusal)
        const events = send(call)
        return Effect.succeed({
          dropped: script.dropped ?? [],
          events,
          // As the real ones do: a whole answer where the request is not streamed.
          ...(call.request.stream === true ? {} : { whole: Stream.runCollect(events) })
        })
      })
  }
}

/** Models as a provider lists them, by their ids. */
export const listed = (...ids: ReadonlyArray<string>): ReadonlyArray<ProviderModel> =>
  ids.map((id) => ({ id, ownedBy: "vendor", created: 1_700_000_000 }))

const modelsOf = (models: NonNullable<Script["models"]>): Provider["models"] =>
  Effect.isEffect(models) ? models : Effect.succeed(listed(...models))

const answerTo = (answer: NonNullable<Script["answer"]>, call: ChatCall, earlier: number): Answer => {
  if (typeof answer === "function") return answer(call)
  if (Stream.isStream(answer)) return answer
  return answer[Math.min(earlier, answer.length - 1)] ?? Stream.empty
}
