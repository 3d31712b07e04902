/** The one conversation that every dialect tells: what is said, how it is counted, and how fast it is spoken. */

export const chunks = 64
/** The text of one delta of a stream that comes at once. */
export const delta = (index: number): string => ` word${String(index).padStart(2, "0")}`
export const deltas: ReadonlyArray<string> = Array.from({ length: chunks }, (_, index) => delta(index))
/** The text of an answer that comes in one piece. */
export const answer =
  "A gateway takes a request, finds out who sent it and whether they may, chooses who is to answer, passes the question " +
  "on in that one's language, and brings the answer back in the caller's."
export const usage = { prompt_tokens: 182, completion_tokens: 64, total_tokens: 246 }

/** A stream as a model speaks it: a piece at a time. */
export interface Pace {
  readonly pieces: number
  readonly everyMillis: number
}

/** The prompt is what every dialect carries, so the pace is asked for in it. */
export const paceWords = ({ everyMillis, pieces }: Pace): string =>
  `Say ${pieces} words, one every ${everyMillis} milliseconds.`

const paceSaid = Buffer.from("Say ")

export const paceIn = (body: Buffer): Pace | undefined => {
  const at = body.indexOf(paceSaid)
  if (at === -1) return undefined
  const said = /^Say (\d+) words, one every (\d+) milliseconds\./.exec(body.toString("latin1", at, at + 60))
  return said === null ? undefined : { pieces: Number(said[1]), everyMillis: Number(said[2]) }
}

/** Microseconds of a clock that all processes of a machine share. */
export const micros = (): number => Number(process.hrtime.bigint() / 1000n)

/** A piece of a paced stream: it tells when it was said, through whatever it passes on its way. */
export const stamp = (): string => ` @${micros()};`

/** When the pieces in a text were said. */
export const stampsIn = (text: string): ReadonlyArray<number> =>
  Array.from(text.matchAll(/@(\d+);/g), (match) => Number(match[1]))
