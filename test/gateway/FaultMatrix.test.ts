import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { makeAuthority } from "../support/Certificates.ts"
import { eventually } from "../support/Eventually.ts"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import { closedPort, muteServer } from "../support/Loopback.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { type Exposition, readExposition } from "../telemetry/exposition.ts"
import { type Fault, faults, good, words } from "./faults.ts"

/** Each fault, asked for whole and as a stream, with another candidate behind it and without. */
interface Cell {
  readonly id: string
  readonly fault: Fault
  readonly stream: boolean
  readonly isLast: boolean
}

const cells: ReadonlyArray<Cell> = faults.flatMap((fault, index) =>
  [false, true].flatMap((stream) =>
    [true, false].map((isLast) => ({
      id: `f${index}${stream ? "s" : "j"}${isLast ? "l" : "o"}`,
      fault,
      stream,
      isLast
    }))
  )
)

interface Outcome {
  readonly answer: Answer
  /** What the ledger says of it; undefined where no provider can be said to have been tried. */
  readonly row: Record<string, unknown>
  /** The same caller, whose tier allows one request at a time, afterwards. */
  readonly next: Answer
}

class Subject extends Context.Service<
  Subject,
  {
    readonly outcomes: ReadonlyMap<string, Outcome>
    readonly calls: (cell: string) => number
    readonly told: Exposition
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const byId = new Map(cells.map((cell) => [cell.id, cell]))
      const calls = new Map<string, number>()
      const upstream = yield* Scripted.make(({ method, path }) => {
        if (method === "GET") return Scripted.json(200, { data: [{ id: "m" }] })
        const id = path.split("/")[1] ?? ""
        const cell = byId.get(id)
        const call = (calls.get(id) ?? 0) + 1
        calls.set(id, call)
        return cell === undefined ? good(path.startsWith("/streaming")) : cell.fault.answer(cell.stream, call)
      })
      const stranger = yield* Scripted.make(() => Scripted.json(200, {}), {
        tls: makeAuthority("Stranger").issue("upstream")
      })
      const nowhere = `http://127.0.0.1:${yield* closedPort}`
      // It takes connections and says nothing, so no handshake is ever done.
      const mute = `https://127.0.0.1:${(yield* muteServer).port}`
      const elsewhere = { nowhere, stranger: stranger.url, mute }
      const urlOf = ({ fault, id }: Cell) => (fault.at === undefined ? `${upstream.url}/${id}` : elsewhere[fault.at])
      const gateway = yield* startGateway({
        providers: providers({
          whole: openAiSettings(`${upstream.url}/whole`),
          streaming: openAiSettings(`${upstream.url}/streaming`),
          ...Object.fromEntries(
            cells.map((cell) => [
              cell.id,
              {
                ...openAiSettings(urlOf(cell)),
                // A place that were not given back would keep the second try out.
                concurrency: 1,
                // The provider's, not the alias': whoever takes over has all the time.
                timeouts: cell.fault.timeouts
              }
            ])
          )
        }),
        models: new Map(
          cells.map(({ id, isLast, stream }) => [
            `alias-${id}`,
            alias([`${id}/m`, ...(isLast ? [] : [stream ? "streaming/m" : "whole/m"])])
          ])
        )
      })
      const outcomes = yield* Effect.forEach(
        cells,
        (cell) => Effect.map(outcomeOf(gateway, cell), (outcome) => [cell.id, outcome] as const),
        { concurrency: 24 }
      )
      const { text } = yield* gateway.request("/metrics")
      return { outcomes: new Map(outcomes), calls: (id) => calls.get(id) ?? 0, told: readExposition(text) }
    })
  )
}

const outcomeOf = Effect.fnUntraced(function* (gateway: TestGateway, { id, stream }: Cell) {
  const key = yield* gateway.makeKey({ limits: { concurrency: 1 } })
  const messages = [{ role: "user", content: "Hello" }]
  const answer = yield* gateway.chat(key, { model: `alias-${id}`, messages, stream })
  const requestId = answer.headers.get("x-request-id") ?? ""
  let row: Record<string, unknown> = {}
  yield* eventually(
    Effect.gen(function* () {
      const found = yield* gateway.request(`/v1/generation?id=${requestId}`, {
        headers: { authorization: `Bearer ${key}` }
      })
      if (found.status !== 200) return false
      row = found.json.data
      return row["status"] !== "pending"
    })
  )
  const next = yield* gateway.chat(key, { model: "whole/m", messages })
  return { answer, row, next }
})

const frames = (text: string): ReadonlyArray<string> =>
  text
    .split("\n\n")
    .filter((frame) => frame.startsWith("data: "))
    .map((frame) => frame.slice("data: ".length))

const contentOf = (stream: boolean, answer: Answer): string =>
  stream
    ? frames(answer.text)
        .filter((frame) => frame !== "[DONE]")
        .map((frame) => JSON.parse(frame).choices[0]?.delta.content ?? "")
        .join("")
    : answer.json.choices[0].message.content

const sample = (told: Exposition, name: string, labels: Record<string, string>): number =>
  told.samples.get(name + JSON.stringify(Object.entries(labels).sort(([a], [b]) => a.localeCompare(b)))) ?? 0

layer(Subject.layer, { excludeTestServices: true, timeout: "60 seconds" })("an upstream's fault", (it) => {
  for (const cell of cells) {
    const { fault, id, isLast, stream } = cell
    const other = stream ? "streaming" : "whole"
    const isBroken = stream && fault.breaksStream !== undefined
    const isTaken = !isLast && !isBroken && fault.isFinal !== true && (fault.error !== undefined || fault.calls > 1)
    const name = `${fault.name}, ${stream ? "stream" : "JSON"}, ${isLast ? "nobody else left" : "another candidate left"}`

    it.effect(name, () =>
      Effect.gen(function* () {
        const { calls, outcomes, told } = yield* Subject
        const { answer, next, row } = yield* Effect.fromNullishOr(outcomes.get(id))
        const expectedCalls = isLast && !isBroken ? fault.calls : 1
        // Nobody counts there.
        if (fault.at === undefined) assert.strictEqual(calls(id), expectedCalls, "calls of the upstream")
        assert.strictEqual(sample(told, "xrouter_retries_total", { provider: id }), expectedCalls - 1)
        assert.strictEqual(sample(told, "xrouter_fallbacks_total", { from: id, to: other }), isTaken ? 1 : 0)
        assert.strictEqual(sample(told, "xrouter_circuit_open", { provider: id }), 0)
        assert.strictEqual(next.status, 200, "the caller's place is free again")
        assert.strictEqual(
          Array.from(Object(row["attempts"])).length,
          isTaken ? 2 : expectedCalls,
          "attempts in the ledger"
        )
        assert.match(answer.headers.get("x-request-id") ?? "", /^req_/)
        assert.notInclude(answer.text, "<html")
        assert.notInclude(answer.text, "127.0.0.1")

        if (isBroken) {
          const told = frames(answer.text)
          assert.strictEqual(answer.status, 200)
          assert.notInclude(told, "[DONE]")
          assert.strictEqual(told.filter((frame) => frame.includes('"error"')).length, 1)
          const { error } = JSON.parse(told.at(-1) ?? "")
          assert.strictEqual(error.details.reason, fault.breaksStream?.reason)
          assert.strictEqual(error.details.timer, fault.breaksStream?.timer)
          assert.notInclude(answer.text, '"finish_reason":"stop"')
          assert.deepInclude(row, { status: "failed", provider: id, finish_reason: null })
          return
        }
        if (isTaken || fault.error === undefined) {
          const server = isTaken ? other : id
          assert.strictEqual(answer.status, 200)
          assert.strictEqual(answer.headers.get("x-xrouter-provider"), server)
          assert.strictEqual(contentOf(stream, answer), words)
          if (stream) assert.strictEqual(frames(answer.text).at(-1), "[DONE]")
          assert.deepInclude(row, { status: "completed", provider: server, tokens_completion: 9 })
          return
        }
        const { reason, retryAfter, status, timer, upstreamStatus } = fault.error
        assert.strictEqual(answer.status, status)
        const { details } = answer.json.error
        assert.strictEqual(details.reason, reason)
        assert.strictEqual(details.timer, timer)
        if (upstreamStatus !== undefined) assert.strictEqual(details.upstream_status, upstreamStatus)
        if (retryAfter === true) assert.isAtLeast(Number(answer.headers.get("retry-after")), 1)
        if (answer.json.error.code === "provider_error") {
          assert.strictEqual(details.attempts.length, expectedCalls)
          assert.strictEqual(details.attempts[0].provider, id)
        }
        assert.deepInclude(row, { status: "failed", provider: id })
      })
    )
  }
})

describe("when every candidate fails", () => {
  it.live("the call is booked on the one that was asked last", () =>
    Effect.gen(function* () {
      const upstream = yield* Scripted.make(({ method }) =>
        method === "GET" ? Scripted.json(200, { data: [] }) : Scripted.json(501, { error: { message: "No" } })
      )
      const gateway = yield* startGateway({
        providers: providers({ one: openAiSettings(upstream.url), two: openAiSettings(upstream.url) }),
        models: new Map([["both", alias(["one/m", "two/m2"])]])
      })
      const key = yield* gateway.makeKey()
      const answer = yield* gateway.chat(key, { model: "both", messages: [{ role: "user", content: "Hello" }] })
      assert.strictEqual(answer.status, 502)
      const row = Effect.map(
        gateway.request(`/v1/generation?id=${answer.headers.get("x-request-id")}`, {
          headers: { authorization: `Bearer ${key}` }
        }),
        ({ json }) => json.data
      )
      yield* eventually(Effect.map(row, (row) => row?.status === "failed"))
      assert.deepInclude(yield* row, { provider: "two", provider_model: "m2", tokens_completion: 0 })
    }).pipe(Effect.scoped)
  )
})
