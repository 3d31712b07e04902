import { Result } from "effect"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ProviderError, ProviderFailure } from "../domain/Errors.ts"
import { invalidAnswer } from "./BrokenAnswers.ts"
import type { Dialect } from "./Dialect.ts"
import type { FrameReader, Framing } from "./Framing.ts"
import type { ChatCall } from "./Provider.ts"
import { TextTemplate } from "./TextTemplate.ts"
import { WholeLetters } from "./WholeLetters.ts"

export interface TranslationParts<State> {
  readonly name: string
  readonly dialect: Dialect<State>
  readonly framing: Framing
}

/** Frames to events, of one stream. Says when the answer has ended, and keeps a failure until what came before it is told. */
export class Translation<State> {
  private readonly parts: TranslationParts<State>
  private readonly state: State
  private readonly reader: FrameReader
  private readonly letters = new WholeLetters()
  private template: TextTemplate | undefined
  isFinished = false
  failure: ProviderFailure | undefined

  constructor(parts: TranslationParts<State>, call: ChatCall) {
    this.parts = parts
    this.state = parts.dialect.start(call)
    this.reader = parts.framing.reader()
  }

  push(packets: ReadonlyArray<Uint8Array>): ReadonlyArray<ChatEvent> {
    const events: Array<ChatEvent> = []
    const [only] = packets
    // Read as one: a packet by itself costs a call of the decoder, and a search that ends at its end.
    this.frames(this.reader.push(only !== undefined && packets.length === 1 ? only : Buffer.concat(packets)), events)
    return events
  }

  /** The upstream closed the stream in order. */
  end(): ReadonlyArray<ChatEvent> {
    const events: Array<ChatEvent> = []
    this.frames(this.reader.end(), events)
    if (!this.isOver) this.told(this.parts.dialect.halt(this.state), events)
    if (!this.isOver) this.failure = this.invalid("ended its stream without ending its answer")
    return events
  }

  private get isOver(): boolean {
    return this.isFinished || this.failure !== undefined
  }

  private frames(frames: ReturnType<FrameReader["push"]>, events: Array<ChatEvent>): void {
    if (Result.isFailure(frames)) {
      this.failure = this.invalid("sent a single event of more than 4 MiB")
      return
    }
    for (const frame of frames.success) {
      if (this.isOver) return
      const text = this.template?.read(frame)
      if (text === undefined) this.step(frame, events)
      else this.letters.tell(text, events)
    }
  }

  private step(frame: string, events: Array<ChatEvent>): void {
    const { dialect } = this.parts
    const told = dialect.step(this.state, frame)
    // Whatever else a frame tells, the end of a choice say, may change what the next ones tell.
    if (dialect.isEachTextItsOwn?.(this.state) === true) {
      this.template = Result.isSuccess(told) ? TextTemplate.of(frame, told.success) : undefined
    }
    this.told(told, events)
  }

  private told(told: Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>, events: Array<ChatEvent>): void {
    if (Result.isFailure(told)) {
      this.failure = told.failure
      return
    }
    for (const event of told.success) {
      this.letters.tell(event, events)
      if (event._tag === "Finished") {
        this.isFinished = true
        return
      }
    }
  }

  private invalid(what: string): ProviderError {
    return invalidAnswer({ provider: this.parts.name }, what)
  }
}
