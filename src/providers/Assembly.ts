import { Array as Arr, Cause, Channel, Effect, Pull, Result, type Scope, Stream } from "effect"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ProviderError, ProviderFailure } from "../domain/Errors.ts"
import { authorized } from "./Authorized.ts"
import type { Credentials } from "./Credentials.ts"
import type { Dialect, Lowered, WantedImage } from "./Dialect.ts"
import type { Framing } from "./Framing.ts"
import type { ChatCall, Provider, ProviderModel } from "./Provider.ts"
import { Translation } from "./Translation.ts"
import * as Upstream from "./Upstream.ts"
import type { UpstreamHeaders, UpstreamRequest, UpstreamStream } from "./Upstream.ts"

/** What a provider is made of. */
export interface Parts<State> {
  readonly name: string
  readonly dialect: Dialect<State>
  readonly upstream: Upstream.Upstream
  readonly credentials: Credentials
  readonly framing: Framing
  /** Of the chat endpoint, after the upstream's base. */
  readonly path: string
  /** Sent with every chat request. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Gives the upstream the images of a request and answers their ids, in order; takes them back when the scope closes. */
  readonly upload?: Upload | undefined
  readonly models: Effect.Effect<ReadonlyArray<ProviderModel>, ProviderFailure>
}

export type Upload = (
  call: ChatCall,
  images: ReadonlyArray<WantedImage>
) => Effect.Effect<ReadonlyArray<string>, ProviderFailure, Scope.Scope>

type Events = Arr.NonEmptyReadonlyArray<ChatEvent>

/** Most bytes of a refusal's body that are read. */
const refusalLimit = 64 * 1024

const contentType = (headers: UpstreamHeaders): string | undefined => {
  const value = headers["content-type"]
  return typeof value === "string" ? value : value?.[0]
}

type Headers = Readonly<Record<string, string>>

/** The headers of a call. They change only with the proof, so a request seldom has to make its own. */
const headersOf = <State>(parts: Parts<State>, accept: string): ((lowered: Lowered, proof: Headers) => Headers) => {
  const common = { ...Upstream.commonHeaders, "content-type": "application/json", accept, ...parts.headers }
  let last: { readonly proof: Headers; readonly headers: Headers } | undefined
  return (lowered, proof) => {
    if (lowered.headers !== undefined) return { ...common, ...lowered.headers, ...proof }
    if (last?.proof !== proof) last = { proof, headers: { ...common, ...proof } }
    return last.headers
  }
}

type Compose = (lowered: Lowered, call: ChatCall) => (proof: Headers) => UpstreamRequest

const composed = <State>(parts: Parts<State>, accept: string): Compose => {
  const headers = headersOf(parts, accept)
  return (lowered, { timers, traceContext }) => {
    const body = JSON.stringify(lowered.body)
    return (proof) => ({
      method: "POST",
      path: parts.path,
      headers: headers(lowered, proof),
      body,
      timers,
      traceContext
    })
  }
}

/** The whole answer, and its events at once. */
const whole = <State>(
  parts: Parts<State>,
  compose: ReturnType<Compose>,
  call: ChatCall
): Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure> =>
  Effect.flatMap(
    authorized(parts.credentials, (proof) => parts.upstream.exchange(compose(proof))),
    ({ status, headers, text }) =>
      status === 200
        ? Effect.fromResult(parts.dialect.read(call, text))
        : Effect.fail(parts.dialect.refuse(call, { status, headers, body: text }))
  )

const once = <E>(events: Effect.Effect<ReadonlyArray<ChatEvent>, E>): Stream.Stream<ChatEvent, E> =>
  Stream.fromPull(
    Effect.sync(() => {
      let isPulled = false
      return Effect.suspend((): Pull.Pull<Events, E> => {
        if (isPulled) return Cause.done()
        isPulled = true
        return Effect.filterOrElse(events, Arr.isReadonlyArrayNonEmpty, () => Cause.done())
      })
    })
  )

const translated = <State>(
  translation: Translation<State>,
  answer: UpstreamStream,
  bytes: Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, ProviderError>
): Pull.Pull<Events, ProviderFailure> => {
  const tell = (events: ReadonlyArray<ChatEvent>): Pull.Pull<Events, ProviderFailure> => {
    if (!Arr.isReadonlyArrayNonEmpty(events)) return pull
    return translation.isFinished ? Effect.as(answer.discard, events) : Effect.succeed(events)
  }
  const next = Pull.catchDone(
    Effect.flatMap(bytes, (packets) => tell(translation.push(packets))),
    () => tell(translation.end())
  )
  const pull: Pull.Pull<Events, ProviderFailure> = Effect.suspend(() => {
    if (translation.isFinished) return Cause.done()
    const { failure } = translation
    // Even where the reader of the events stays, and with it the scope.
    return failure === undefined ? next : Effect.andThen(answer.close, Effect.fail(failure))
  })
  return pull
}

const refusalBody = (body: UpstreamStream["body"]): Effect.Effect<string> =>
  Effect.suspend(() => {
    let size = 0
    return body.pipe(
      Stream.takeUntil((packet) => (size += packet.length) >= refusalLimit),
      Stream.runCollect,
      Effect.map((packets) => Buffer.concat(packets).toString("utf8")),
      // The status has told already that it is a refusal.
      Effect.orElseSucceed(() => "")
    )
  })

/** The answer as it comes. The request is composed when that is pulled. */
const streamed = <State>(
  parts: Parts<State>,
  compose: Compose,
  lowered: Lowered,
  call: ChatCall
): Stream.Stream<ChatEvent, ProviderFailure> =>
  Stream.fromChannel(
    Channel.fromTransform((_, scope) => {
      const request = compose(lowered, call)
      return Effect.flatMap(
        authorized(
          parts.credentials,
          (proof) => parts.upstream.stream(request(proof), scope),
          (answer) => answer.discard
        ),
        (answer) =>
          answer.status === 200 && parts.framing.accepts(contentType(answer.headers))
            ? Effect.map(Channel.toPullScoped(Stream.toChannel(answer.body), scope), (bytes) =>
                translated(new Translation(parts, call), answer, bytes)
              )
            : refused(parts, answer, call)
      )
    })
  )

const refused = <State>(
  { dialect }: Parts<State>,
  { body, close, headers, status }: UpstreamStream,
  call: ChatCall
): Effect.Effect<never, ProviderFailure> =>
  Effect.flatMap(refusalBody(body), (body) =>
    Effect.andThen(
      close,
      Effect.suspend(() => Effect.fail(dialect.refuse(call, { status, headers, body })))
    )
  )

/** The request with its images uploaded; undefined where it has none. */
const uploaded = <State>(
  { upload }: Parts<State>,
  call: ChatCall,
  lowered: Lowered
): Effect.Effect<Lowered, ProviderFailure, Scope.Scope> | undefined => {
  const { uploads } = lowered
  if (uploads === undefined) return undefined
  if (upload === undefined) return Effect.die(new Error("A dialect that wants uploads needs the part that makes them"))
  return Effect.map(upload(call, uploads.images), (ids) => ({ ...lowered, body: uploads.body(ids) }))
}

/** A provider from its parts. */
export const make = <State>(parts: Parts<State>): Provider => {
  const toBeStreamed = composed(parts, parts.framing.accept)
  const toBeWhole = composed(parts, "application/json")
  return {
    name: parts.name,
    models: parts.models,
    prepare: (call) => {
      const lowered = parts.dialect.lower(call)
      if (Result.isFailure(lowered)) return Effect.fail(lowered.failure)
      const { dropped } = lowered.success
      const ready = uploaded(parts, call, lowered.success)
      if (call.request.stream === true) {
        const open = (lowered: Lowered) => streamed(parts, toBeStreamed, lowered, call)
        const events = ready === undefined ? open(lowered.success) : Stream.unwrap(Effect.map(ready, open))
        return Effect.succeed({ dropped, events })
      }
      const ask = (lowered: Lowered) => whole(parts, toBeWhole(lowered, call), call)
      const answer =
        ready === undefined ? Effect.suspend(() => ask(lowered.success)) : Effect.scoped(Effect.flatMap(ready, ask))
      return Effect.succeed({ dropped, events: once(answer), whole: answer })
    }
  }
}
