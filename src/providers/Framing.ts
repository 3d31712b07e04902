import { Schema, type Result } from "effect"

/** Most text of one frame, in UTF-16 units. */
export const frameLimit = 4 * 1024 * 1024

/** The upstream sends one frame without an end. */
export class FrameTooLarge extends Schema.TaggedError<FrameTooLarge>()("FrameTooLarge", {}) {}

/** Cuts one stream of bytes into frames, wherever the network cut it. Holds what came of the frame that is not whole yet. */
export interface FrameReader {
  /** The frames that these bytes complete; mostly all of their text is in these bytes. */
  readonly push: (bytes: Uint8Array) => Result.Result<ReadonlyArray<string>, FrameTooLarge>
  /** The upstream ended: a last frame that was not closed by its delimiter. */
  readonly end: () => Result.Result<ReadonlyArray<string>, FrameTooLarge>
}

/** How a stream is cut into frames. */
export interface Framing {
  /** The `Accept` header of a request for such a stream. */
  readonly accept: string
  /** Whether an answer of that content type can be such a stream; where it cannot, it is read as a refusal. */
  readonly accepts: (contentType: string | undefined) => boolean
  readonly reader: () => FrameReader
}
