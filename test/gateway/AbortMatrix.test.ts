import { assert, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Metric } from "effect"
import { request } from "node:http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { eventually } from "../support/Eventually.ts"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import { muteServer } from "../support/Loopback.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { readExposition } from "../telemetry/exposition.ts"
import { chunk, completion, good } from "./faults.ts"

/** How far an answer comes before its client leaves. */
const phases = {
  "before the headers": () => Scripted.hang,
  "before the first token": (stream: boolean) =>
    Scripted.steps(
      stream ? Scripted.sseHead : Scripted.head(200, { "content-type": "application/json" }),
      Scripted.hang
    ),
  "in the middle": (stream: boolean) =>
    stream
      ? Scripted.steps(Scripted.sseHead, Scripted.frame(chunk({ role: "assistant", content: "Hello" })), Scripted.hang)
      : Scripted.steps(
          Scripted.head(200, { "content-type": "application/json" }),
          Scripted.write(JSON.stringify(completion).slice(0, 50)),
          Scripted.hang
        )
} satisfies Record<string, (stream: boolean) => Scripted.Step>
type Phase = keyof typeof phases
const names = ["before the headers", "before the first token", "in the middle"] as const

const millis = () => performance.now()

/** A call whose socket is destroyed by `leave`; `begun` when its answer's first byte is there. */
const call = (gateway: TestGateway, key: string, body: object) => {
  const begun = Deferred.makeUnsafe<void>()
  const sent = request(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    agent: false,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }
  })
  sent.on("error", () => {})
  sent.on("response", (response) => {
    response.on("error", () => {})
    response.once("data", () => Deferred.doneUnsafe(begun, Exit.void))
  })
  sent.end(JSON.stringify(body))
  return {
    begun: Deferred.await(begun),
    leave: Effect.sync(() => {
      sent.destroy()
      return millis()
    })
  }
}

const messages = [{ role: "user", content: "Hello" }]

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly upstream: Scripted.ScriptedUpstream
    /** The request of this marker, as soon as the upstream has it. */
    readonly arrival: (marker: string) => Effect.Effect<Scripted.Received>
  }
>()("Subject") {
  /** Every fiber of the gateway is counted. */
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const arrivals = new Map<string, Deferred.Deferred<Scripted.Received>>()
      const waiting = (marker: string) => {
        let arrival = arrivals.get(marker)
        if (arrival === undefined) arrivals.set(marker, (arrival = Deferred.makeUnsafe()))
        return arrival
      }
      const upstream = yield* Scripted.make((received) => {
        if (received.method === "GET") return Scripted.json(200, { data: [{ id: "m" }] })
        const body = JSON.parse(received.text)
        Deferred.doneUnsafe(waiting(body.user), Exit.succeed(received))
        const phase = names.find((name) => body.user.startsWith(name))
        return phase === undefined ? good(body.stream === true) : phases[phase](body.stream === true)
      })
      const mute = yield* muteServer
      const gateway = yield* startGateway({
        providers: providers({
          many: openAiSettings(upstream.url),
          narrow: { ...openAiSettings(upstream.url), concurrency: 1 },
          fifty: { ...openAiSettings(upstream.url), concurrency: 50 },
          mute: { ...openAiSettings(`https://127.0.0.1:${mute.port}`), concurrency: 1 }
        }),
        models: new Map([["other", alias(["mute/m", "many/m"])]])
      })
      return { gateway, upstream, arrival: (marker) => Deferred.await(waiting(marker)) }
    })
  ).pipe(
    Layer.provide(
      Layer.succeed(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => {
          fibers += 1
        },
        recordFiberEnd: () => {
          fibers -= 1
        }
      })
    )
  )
}

let fibers = 0

/** Both ends of every connection are this process's. */
const sockets = () => process.getActiveResourcesInfo().filter((name) => name.includes("TCP")).length

/** Leaves in this phase, and tells how long after that the upstream's connection closed. */
const leaveIn = Effect.fnUntraced(function* (phase: Phase, stream: boolean, model: string, key: string, id: string) {
  const { arrival, gateway } = yield* Subject
  const marker = `${phase} ${id}`
  const client = call(gateway, key, { model, messages, stream, user: marker })
  const received = yield* arrival(marker)
  if (phase === "in the middle" && stream) yield* client.begun
  const leftAt = yield* client.leave
  yield* received.abandoned
  return millis() - leftAt
})

layer(Subject.layer, { excludeTestServices: true, timeout: "60 seconds" })("a client that leaves", (it) => {
  for (const phase of names) {
    for (const stream of [false, true]) {
      it.effect(`${phase} of its ${stream ? "stream" : "JSON"} closes the upstream within 200 ms, every time`, () =>
        Effect.gen(function* () {
          const { gateway } = yield* Subject
          const key = yield* gateway.makeKey({ limits: { concurrency: 1 } })
          for (let i = 0; i < 17; i++) {
            const took = yield* leaveIn(phase, stream, "many/m", key, `${stream} ${i}`)
            assert.isBelow(took, 200)
            // Its place comes back too.
            const next = { model: "many/m", messages, user: "after" }
            yield* eventually(Effect.map(gateway.chat(key, next), ({ status }) => status === 200))
          }
        })
      )
    }
  }

  for (const stream of [false, true]) {
    it.effect(`in the queue of a provider gives its place there to the next (${stream ? "stream" : "JSON"})`, () =>
      Effect.gen(function* () {
        const { arrival, gateway, upstream } = yield* Subject
        const key = yield* gateway.makeKey()
        const before = upstream.requests.length
        const holder = call(gateway, key, {
          model: "narrow/m",
          messages,
          stream,
          user: `before the headers q${stream}`
        })
        const held = yield* arrival(`before the headers q${stream}`)
        const active = Effect.map(gateway.request("/metrics"), ({ text }) =>
          readExposition(text).samples.get("xrouter_active_requests[]")
        )
        const queued = call(gateway, key, { model: "narrow/m", messages, stream, user: "queued" })
        yield* eventually(Effect.map(active, (active) => active === 2))
        yield* queued.leave
        yield* eventually(Effect.map(active, (active) => active === 1))
        const last = yield* Effect.forkChild(
          gateway.chat(key, { model: "narrow/m", messages, stream, user: "after the queue" })
        )
        yield* eventually(Effect.map(active, (active) => active === 2))
        yield* holder.leave
        yield* held.abandoned
        assert.strictEqual((yield* Fiber.join(last)).status, 200)
        const sent = upstream.requests.slice(before).map(({ text }) => JSON.parse(text).user)
        assert.deepStrictEqual(sent, [`before the headers q${stream}`, "after the queue"])
      })
    )

    it.effect(`while we connect frees its places at once (${stream ? "stream" : "JSON"})`, () =>
      Effect.gen(function* () {
        const { gateway } = yield* Subject
        const key = yield* gateway.makeKey({ limits: { concurrency: 1 } })
        for (let i = 0; i < 3; i++) {
          const client = call(gateway, key, { model: "mute/m", messages, stream })
          const active = Effect.map(gateway.request("/metrics"), ({ text }) =>
            readExposition(text).samples.get("xrouter_active_requests[]")
          )
          yield* eventually(Effect.map(active, (active) => active === 1))
          const leftAt = yield* client.leave
          yield* eventually(Effect.map(active, (active) => active === 0))
          assert.isBelow(millis() - leftAt, 1000)
        }
      })
    )
  }

  it.effect("and a thousand like it leave nothing behind: no call, no place, no fiber, no socket, no memory", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const key = yield* gateway.makeKey({ limits: { concurrency: 50 } })
      const round = (name: string, count: number) =>
        Effect.forEach(
          Array.from({ length: count }, (_, index) => index),
          (index) => leaveIn(names[index % 3] ?? names[0], index % 2 === 0, "fifty/m", key, `${name} ${index}`),
          { concurrency: 20, discard: true }
        )
      yield* round("warm-up", 100)
      const before = heapAfterCollection()
      const fibersBefore = fibers
      const socketsBefore = sockets()
      assert.isAbove(fibersBefore, 0)
      assert.isAbove(socketsBefore, 0)
      yield* round("thousand", 1000)
      const grown = (heapAfterCollection() - before) / 1000
      assert.isBelow(grown, 8 * 1024, "bytes a call")

      const told = Effect.map(gateway.request("/metrics"), ({ text }) => readExposition(text).samples)
      yield* eventually(Effect.map(told, (samples) => samples.get("xrouter_active_requests[]") === 0))
      assert.strictEqual((yield* told).get("xrouter_active_streams[]"), 0)
      // Some come and go by themselves: timers, kept connections.
      yield* eventually(Effect.sync(() => fibers <= fibersBefore + 10 && sockets() <= socketsBefore + 10))
      const all = yield* Effect.forEach(
        Array.from({ length: 50 }),
        () => gateway.chat(key, { model: "fifty/m", messages, user: "after all" }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(all.map(({ status }) => status)), new Set([200]))
    })
  )
})

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const heapAfterCollection = (): number => {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
