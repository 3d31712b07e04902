/** What each step of a dialect costs by itself: pure functions, called over and over on the upstream's own bytes. */
import { Result } from "effect"
import { chatRequest } from "../src/gateway/ChatBody.ts"
import type { Dialect } from "../src/providers/Dialect.ts"
import type { Framing } from "../src/providers/Framing.ts"
import * as GigaChatDialect from "../src/providers/gigachat/GigaChatDialect.ts"
import { ndjson } from "../src/providers/NdjsonFraming.ts"
import * as OpenAiDialect from "../src/providers/openai/OpenAiDialect.ts"
import type { ChatCall } from "../src/providers/Provider.ts"
import { sse } from "../src/providers/SseFraming.ts"
import * as YandexDialect from "../src/providers/yandexgpt/YandexDialect.ts"
import { type Dialect as Told, wirePieces } from "./dialects.ts"
import { gigaChat } from "./dialects/gigachat.ts"
import { openAi } from "./dialects/openai.ts"
import { yandexGpt } from "./dialects/yandexgpt.ts"
import { type Spread, spreadOf } from "./statistics.ts"
import { requestBody } from "./traffic.ts"

export interface StepCost {
  readonly dialect: string
  readonly step: string
  /** Nanoseconds of CPU: a request, a frame, an answer. */
  readonly nanos: Spread
}

export interface Subject {
  readonly name: string
  /** Each runs once through its step, and says how many units (frames, requests, answers) that were. */
  readonly steps: Readonly<Record<string, () => number>>
}

/** Throws where a step does not do its work: the fast way to fail would be the best of all. */
const subject = <State>(
  name: string,
  dialect: Dialect<State>,
  framing: Framing,
  told: Told,
  model: string
): Subject => {
  const call = callOf(model)
  const bytes = wirePieces(told).map((text) => Buffer.from(text))
  const frames = framesOf(framing, bytes)
  return {
    name,
    steps: {
      "lower, a request": () => {
        done(dialect.lower(call))
        return 1
      },
      "framing, a frame": () => framesOf(framing, bytes).length,
      "step, a frame": () => {
        const state = dialect.start(call)
        for (const frame of frames) done(dialect.step(state, frame))
        done(dialect.halt(state))
        return frames.length
      },
      "read, an answer": () => {
        done(dialect.read(call, told.whole))
        return 1
      }
    }
  }
}

const callOf = (model: string): ChatCall => ({
  requestId: "req_0123456789abcdef0123456789abcdef",
  model,
  request: done(chatRequest(JSON.parse(requestBody({ kind: "stream" }, model))))
})

const framesOf = (framing: Framing, bytes: ReadonlyArray<Buffer>): ReadonlyArray<string> => {
  const reader = framing.reader()
  return [...bytes.flatMap((packet) => done(reader.push(packet))), ...done(reader.end())]
}

const done = <A, E>(result: Result.Result<A, E>): A =>
  Result.getOrThrowWith(result, (error) => new Error(`A step failed: ${String(error)}`))

export const subjects: ReadonlyArray<Subject> = [
  subject("OpenAI's own", OpenAiDialect.make({ provider: "openai", secrets: ["sk-bench"] }), sse, openAi, "bench-1"),
  subject("GigaChat", GigaChatDialect.make("gigachat"), sse, gigaChat, "GigaChat-2-Max"),
  subject(
    "YandexGPT",
    YandexDialect.make({ provider: "yandexgpt", folderId: "b1gbench", secrets: [] }),
    ndjson,
    yandexGpt,
    "yandexgpt-lite"
  )
]

/** Rounds go through all steps in turn, for a machine's speed drifts. */
export const measureSteps = (rounds: number, sliceMillis: number): ReadonlyArray<StepCost> => {
  const all = subjects.flatMap(({ name, steps }) =>
    Object.entries(steps).map(([step, run]) => ({ dialect: name, step, run, nanos: new Array<number>() }))
  )
  for (const { run } of all) cost(run, sliceMillis)
  for (let round = 0; round < rounds; round++) {
    for (const { nanos, run } of all) nanos.push(cost(run, sliceMillis))
  }
  return all.map(({ dialect, nanos, step }) => ({ dialect, step, nanos: spreadOf(nanos) }))
}

/** Nanoseconds of this process' CPU for one unit; the clock of the wall only says when to stop. */
const cost = (run: () => number, millis: number): number => {
  const until = performance.now() + millis
  const before = process.cpuUsage()
  let units = 0
  do {
    for (let turn = 0; turn < 50; turn++) units += run()
  } while (performance.now() < until)
  const { system, user } = process.cpuUsage(before)
  return ((system + user) * 1000) / units
}
