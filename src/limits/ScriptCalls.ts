import { Cause, Effect, Option } from "effect"
import * as Redis from "effect/persistence/Redis"
import { createHash } from "node:crypto"
import { RedisSlots } from "../storage/RedisSlots.ts"
import { limiterScript } from "./LimiterScript.ts"

/** What the script answers to one question. */
export type Answer = ReadonlyArray<number>

/** One thing that the script is asked; it hears one of the two, once. */
export interface Question {
  readonly subject: string
  /** `reserve,…`, as `LimiterScript.ts` reads it. */
  readonly words: string
  readonly answered: (answer: Answer) => void
  readonly failed: (error: Redis.RedisError) => void
}

export interface ScriptCallsOptions {
  /** Begins every key. */
  readonly prefix: string
  /** A test's clock, in milliseconds; the script's own is Redis'. */
  readonly now: Effect.Effect<number> | undefined
}

/** Redis runs nothing else meanwhile: so many decisions take it about a millisecond. */
const mostQuestions = 64

/** What Redis calls the script; it need not be asked for. */
const sha = createHash("sha1").update(limiterScript).digest("hex")

/** The script's own reason, where it could not answer one question. */
const unanswered = (answer: unknown) =>
  new Redis.RedisError({ cause: answer instanceof Error ? answer : new Error("Unexpected answer of the script") })

/**
 * Asks the script. What comes within one turn of the event loop goes in one call, in the order of asking: a busy gateway pays for the
 * command, its answer and the waiting for it once, and not for each decision. On a cluster there is a call for each slot.
 */
export const makeScriptCalls = Effect.fn("ScriptCalls.make")(function* ({ now, prefix }: ScriptCallsOptions) {
  const redis = yield* Redis.Redis
  const slotOf = yield* RedisSlots
  const fork = Effect.runForkWith(yield* Effect.context())
  let waiting: Array<Question> = []

  const evaluated = (args: ReadonlyArray<string>) => {
    const evaluate = redis.send<ReadonlyArray<Answer | Error> | null>("evalsha", sha, ...args)
    return Effect.catchEager(evaluate, (error) =>
      // A server that was started anew, or was told to forget.
      String(error.cause).includes("NOSCRIPT")
        ? Effect.andThen(redis.send("script", "load", limiterScript), evaluate)
        : Effect.fail(error)
    )
  }

  const call = (questions: ReadonlyArray<Question>, at: number | ""): Effect.Effect<void> =>
    Effect.matchCause(evaluated(argumentsOf(prefix, questions, at)), {
      onFailure: (cause) => {
        // Of a fault of the program they must hear too: nothing else ends their waiting.
        const error = Option.getOrElse(
          Cause.findErrorOption(cause),
          () => new Redis.RedisError({ cause: Cause.squash(cause) })
        )
        for (const { failed } of questions) failed(error)
      },
      onSuccess: (answers) => {
        for (const [index, { answered, failed }] of questions.entries()) {
          const answer = answers?.[index]
          if (isAnswer(answer)) answered(answer)
          else failed(unanswered(answer))
        }
      }
    })

  const send = Effect.suspend(() => {
    const questions = waiting
    // Sent at the end of all, before its turn has come.
    if (questions.length === 0) return Effect.void
    waiting = []
    const time: Effect.Effect<number | ""> = now ?? noTime
    return Effect.flatMap(time, (at) => {
      if (slotOf === undefined && questions.length <= mostQuestions) return call(questions, at)
      const groups = Map.groupBy(questions, ({ subject }) => slotOf?.(stemOf(prefix, subject)) ?? 0)
      const calls = [...groups.values()].flatMap((group) => portions(group, mostQuestions))
      return Effect.forEach(calls, (group) => call(group, at), { concurrency: "unbounded", discard: true })
    })
  })
  const sendNextTurn = Effect.andThen(Effect.yieldNow, send)

  // Settlements that nobody waits for.
  yield* Effect.addFinalizer(() => send)

  return (question: Question): void => {
    if (waiting.push(question) === 1) fork(sendNextTurn)
  }
})

const isAnswer = (answer: Answer | Error | undefined): answer is Answer => Array.isArray(answer)

const noTime: Effect.Effect<number | ""> = Effect.succeed("")

// The braces make one slot of a cluster of all that belongs to a subject.
const stemOf = (prefix: string, subject: string) => `${prefix}{${subject}}:`

/** Behind the script's name: the number of keys, the keys, the time, the questions. */
const argumentsOf = (prefix: string, questions: ReadonlyArray<Question>, at: number | ""): ReadonlyArray<string> => {
  const numbers = new Map<string, number>()
  const keys: Array<string> = []
  const words: Array<string> = []
  for (const question of questions) {
    const { subject } = question
    let number = numbers.get(subject)
    if (number === undefined) {
      number = numbers.size
      numbers.set(subject, number)
      const stem = stemOf(prefix, subject)
      keys.push(`${stem}requests`, `${stem}tokens`, `${stem}counters`, `${stem}leases`)
    }
    words.push(`${number},${question.words}`)
  }
  return [String(keys.length), ...keys, String(at), ...words]
}

const portions = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
