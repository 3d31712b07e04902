import { Array as Arr, Cause, Duration, Effect, type Pull, Scope, Stream } from "effect"
import type { Dispatcher } from "undici"
import type { ProviderError } from "../domain/Errors.ts"
import { invalidAnswer } from "./BrokenAnswers.ts"
import type { CallTimers } from "./Provider.ts"
import type { UpstreamAnswer, UpstreamHeaders, UpstreamRequest, UpstreamStream } from "./Upstream.ts"
import { connectTimedOut, type Phase, totalTimedOut, transportFailure } from "./UpstreamFailure.ts"
import type { UpstreamOptions } from "./UpstreamOptions.ts"

/** A provider's connections. */
export interface Link {
  readonly pool: Dispatcher
  readonly options: UpstreamOptions
  /** A request's path as it stands in the request line. */
  readonly target: (path: string) => string
  /** All of an answer that comes whole, in milliseconds. */
  readonly longest: number
}

/** Most bytes of a whole answer. */
const answerLimit = 16 * 1024 * 1024
/** Of every request. */
export const commonHeaders = { "user-agent": "xrouter", "accept-encoding": "identity" } as const

/** From that many bytes on, read and not yet pulled, the upstream is paused. */
const highWater = 256 * 1024
/** Most bytes that are read for nothing to keep a connection. */
const discardLimit = 64 * 1024

const abandoned = new Error("The request was abandoned")

const byteOrderMark = 0xfeff

const turn = Promise.resolve()

/** In a microtask of its own; `queueMicrotask` would make an async resource for each. What is run here does not throw. */
const later = (run: () => void): void => void turn.then(run)

/**
 * What both ways of receiving share: the phase, the abort, and the failures in our words. undici calls from within its parser,
 * which must not be entered again before it returns: a fiber therefore goes on in a microtask of its own.
 */
abstract class Receiver implements Dispatcher.DispatchHandler {
  protected readonly link: Link
  protected phase: Phase = "connecting"
  protected controller: Dispatcher.DispatchController | undefined
  private readonly timers: CallTimers | undefined
  private isAborted = false

  constructor(link: Link, timers: CallTimers | undefined) {
    this.link = link
    this.timers = timers
  }

  get isConnecting(): boolean {
    return this.phase === "connecting"
  }

  /** Destroys the socket; before there is one, the request is dropped as soon as undici would write it. */
  abort(): void {
    if (this.isAborted) return
    this.isAborted = true
    this.controller?.abort(abandoned)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    this.phase = "waiting"
    if (this.isAborted) controller.abort(abandoned)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: UpstreamHeaders): void {
    // 1xx: the real one follows.
    if (status < 200) return
    this.phase = "reading"
    const encoding = headers["content-encoding"]
    if (encoding !== undefined && encoding !== "" && encoding !== "identity") {
      this.refuse("answered with a content-encoding that it was not asked for")
      return
    }
    this.started(status, headers)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (!this.isAborted) this.failed(transportFailure(this.options, this.phase, error))
  }

  /** With the timers that were this request's. */
  private get options(): UpstreamOptions {
    const { options } = this.link
    const idle = this.timers?.idle
    return idle === undefined ? options : { ...options, idleTimeout: Duration.millis(idle) }
  }

  protected refuse(what: string): void {
    this.abort()
    this.failed(invalidAnswer({ provider: this.link.options.provider }, what))
  }

  abstract onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void
  abstract onResponseEnd(): void
  protected abstract started(status: number, headers: UpstreamHeaders): void
  protected abstract failed(error: ProviderError): void
}

class Collector extends Receiver {
  private readonly resume: (effect: Effect.Effect<UpstreamAnswer, ProviderError>) => void
  private status = 0
  private headers: UpstreamHeaders = {}
  private readonly chunks: Array<Uint8Array> = []
  private size = 0
  private readonly startedAt = performance.now()

  constructor(
    link: Link,
    timers: CallTimers | undefined,
    resume: (effect: Effect.Effect<UpstreamAnswer, ProviderError>) => void
  ) {
    super(link, timers)
    this.resume = resume
  }

  protected started(status: number, headers: UpstreamHeaders): void {
    this.status = status
    this.headers = headers
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.size += chunk.length
    if (this.size > answerLimit) this.refuse("sent an answer of more than 16 MiB")
    else if (this.chunks.push(chunk) > 1 && performance.now() - this.startedAt > this.link.longest) {
      // A drip keeps the idle timer quiet for ever.
      this.abort()
      this.failed(totalTimedOut(this.link.options))
    }
  }

  onResponseEnd(): void {
    later(() => {
      const [only] = this.chunks
      const bytes = only !== undefined && this.chunks.length === 1 ? only : Buffer.concat(this.chunks, this.size)
      const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")
      const text = all.charCodeAt(0) === byteOrderMark ? all.slice(1) : all
      this.resume(Effect.succeed({ status: this.status, headers: this.headers, text }))
    })
  }

  protected failed(error: ProviderError): void {
    later(() => this.resume(Effect.fail(error)))
  }
}

type Bytes = Arr.NonEmptyReadonlyArray<Uint8Array>

class Flow extends Receiver {
  private readonly head: (effect: Effect.Effect<UpstreamStream, ProviderError>) => void
  private waiter: ((effect: Pull.Pull<Bytes, ProviderError>) => void) | undefined
  private isWaking = false
  private chunks: Array<Uint8Array> = []
  private size = 0
  private isDiscarding = false
  private end: Pull.Pull<never, ProviderError> | undefined

  constructor(
    link: Link,
    timers: CallTimers | undefined,
    head: (effect: Effect.Effect<UpstreamStream, ProviderError>) => void
  ) {
    super(link, timers)
    this.head = head
  }

  protected started(status: number, headers: UpstreamHeaders): void {
    const body = Stream.fromPull(Effect.succeed(this.pull))
    later(() => this.head(Effect.succeed({ status, headers, body, discard: this.discard, close: this.release })))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.size += chunk.length
    if (this.isDiscarding) {
      if (this.size > discardLimit) this.abort()
      return
    }
    this.chunks.push(chunk)
    if (this.size >= highWater) controller.pause()
    this.wake()
  }

  onResponseEnd(): void {
    this.end = Cause.done()
    this.wake()
  }

  protected failed(error: ProviderError): void {
    const failure = Effect.fail(error)
    this.end = failure
    this.wake()
    // Of no effect where the headers have come.
    later(() => this.head(failure))
  }

  /** The body was neither read to its end nor discarded: its connection is of no more use. */
  readonly release = Effect.sync(() => {
    if (this.end === undefined && !this.isDiscarding) this.abort()
  })

  private readonly discard = Effect.sync(() => {
    this.isDiscarding = true
    this.chunks = []
    this.size = 0
    this.controller?.resume()
  })

  private readonly pull: Pull.Pull<Bytes, ProviderError> = Effect.suspend(() => this.take() ?? this.end ?? this.next)

  private readonly next = Effect.callback<Bytes, ProviderError | Cause.Done>((resume) => {
    this.waiter = resume
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  /** All that has been read: packets that came together go on together. */
  private take(): Pull.Pull<Bytes, ProviderError> | undefined {
    const { chunks } = this
    if (!Arr.isArrayNonEmpty(chunks)) return undefined
    this.chunks = []
    this.size = 0
    this.controller?.resume()
    return Effect.succeed(chunks)
  }

  private wake(): void {
    if (this.waiter === undefined || this.isWaking) return
    this.isWaking = true
    later(() => {
      this.isWaking = false
      const { waiter } = this
      if (waiter === undefined) return
      this.waiter = undefined
      waiter(this.pull)
    })
  }
}

const send = (
  link: Link,
  { body, headers, method, path, timers, traceContext }: UpstreamRequest,
  receiver: Receiver
): void => {
  const all = "user-agent" in headers ? headers : { ...commonHeaders, ...headers }
  link.pool.dispatch(
    {
      method,
      path: link.target(path),
      headers:
        traceContext !== undefined && link.options.propagateTrace === true ? { ...all, ...traceContext.headers } : all,
      body: body ?? null,
      // Undici takes null for the pool's own.
      bodyTimeout: timers?.idle ?? null
    },
    receiver
  )
}

/** Ends a call that has no connection after its own time; the pool's ends the others. */
const connected = <A>(
  link: Link,
  { timers }: UpstreamRequest,
  call: Effect.Effect<A, ProviderError>,
  isConnecting: () => boolean
): Effect.Effect<A, ProviderError> => {
  const connect = timers?.connect
  if (connect === undefined) return call
  const late = Effect.delay(
    Effect.suspend(() => (isConnecting() ? Effect.fail(connectTimedOut(link.options, connect)) : Effect.never)),
    connect
  )
  return Effect.raceFirst(call, late)
}

export const exchange = (link: Link, request: UpstreamRequest): Effect.Effect<UpstreamAnswer, ProviderError> => {
  let collector: Collector | undefined
  const call = Effect.callback<UpstreamAnswer, ProviderError>((resume) => {
    const receiver = (collector = new Collector(link, request.timers, resume))
    send(link, request, receiver)
    return Effect.sync(() => receiver.abort())
  })
  return connected(link, request, call, () => collector?.isConnecting === true)
}

/** Closing the scope before the body has come to its end closes the connection. */
export const stream = (
  link: Link,
  request: UpstreamRequest,
  scope: Scope.Scope
): Effect.Effect<UpstreamStream, ProviderError> =>
  Effect.suspend(() => {
    let flow: Flow | undefined
    const opened = Effect.callback<UpstreamStream, ProviderError>((resume) => {
      const opening = (flow = new Flow(link, request.timers, resume))
      send(link, request, opening)
      return Effect.sync(() => opening.abort())
    })
    // The finalizer stands before the request does, so that no interruption falls between them.
    return Effect.andThen(
      Scope.addFinalizer(
        scope,
        Effect.suspend(() => flow?.release ?? Effect.void)
      ),
      connected(link, request, opened, () => flow?.isConnecting === true)
    )
  })
