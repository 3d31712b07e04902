import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { runChild } from "../support/Child.ts"
import { eventually } from "../support/Eventually.ts"
import { adminKey, type Answer, gatewayAt, hello, type TestGateway } from "../support/Gateway.ts"
import { type GatewayProcess, startProcess } from "../support/GatewayProcess.ts"
import { heldUpstream, wholeHeldStream } from "../support/HeldUpstream.ts"
import { startRedis } from "../support/Redis.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import { readExposition } from "../telemetry/exposition.ts"

/** A gateway of two workers on stores of its own, before an upstream whose answers stand until they are let go on. */
interface Workers {
  readonly gateway: TestGateway
  readonly process: GatewayProcess
  readonly upstream: Effect.Success<typeof heldUpstream>
  readonly databaseUrl: string
  readonly lines: () => ReadonlyArray<Readonly<Record<string, unknown>>>
}

const startWorkers = Effect.gen(function* () {
  const redis = yield* Effect.orDie(startRedis())
  const upstream = yield* heldUpstream
  const databaseUrl = yield* Effect.orDie(freshDatabase)
  const process = yield* startProcess({
    XROUTER_WORKERS: "2",
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis.url,
    XROUTER_ADMIN_KEY: adminKey,
    XROUTER_JWT_SECRETS: `one:${randomBytes(32).toString("base64")}`,
    XROUTER_SANDBOX: "true",
    OPENAI_BASE_URL: upstream.url,
    XROUTER_DRAIN_GRACE: "0 seconds",
    XROUTER_DRAIN_TIMEOUT: "10 seconds",
    XROUTER_LOG_LEVEL: "debug"
  })
  const lines = () =>
    process
      .stdout()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  const workers: Workers = { gateway: gatewayAt(process.url, adminKey), process, upstream, databaseUrl, lines }
  return workers
})

class Subject extends Context.Service<Subject, Workers & { readonly answered: Set<string> }>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.map(startWorkers, (workers) => ({ ...workers, answered: new Set<string>() }))
  )
}

const requestIdOf = ({ headers }: { readonly headers: Headers }) => headers.get("x-request-id") ?? ""

/** What other processes do takes its time, and they need the processor more than whoever looks at them. */
const soon = <E, R>(look: Effect.Effect<boolean, E, R>) => eventually(Effect.delay(look, "50 millis"))

/** Each on a connection of its own. */
const anew = { connection: "close" }

const chat = (gateway: TestGateway, key: string) => gateway.post("/v1/chat/completions", key, hello, anew)

const together = <A>(count: number, one: Effect.Effect<A>) =>
  Effect.all(
    Array.from({ length: count }, () => one),
    { concurrency: "unbounded" }
  )

/** The processes that took the place of one another as a worker, the last one behind. */
const pidsOf = ({ lines }: Workers, worker: number) =>
  lines().flatMap(({ message }) => {
    const [, number, pid] = /^Worker (\d) \(process (\d+)\) takes connections$/.exec(String(message)) ?? []
    return Number(number) === worker ? [Number(pid)] : []
  })

/** One that nobody has waited for has ended all the same. */
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

/** The calls whose beginning stands in a worker's journal. */
const begunAt = ({ process }: Workers, worker: number, ids: Iterable<string>) => {
  const folder = `${process.folder}/.xrouter${worker === 1 ? "" : `/workers/${worker}`}/usage`
  const text = readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => readFileSync(`${folder}/${name}`, "utf8"))
    .join("")
  return [...ids].filter((id) => text.includes(id))
}

/** A stream that has begun, and stands. */
const openStream = Effect.fnUntraced(function* ({ gateway, process }: Workers, key: string) {
  const response = yield* Effect.promise(() =>
    fetch(`${process.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...anew },
      body: JSON.stringify({ model: "openai/slow", stream: true, messages: [{ role: "user", content: "?" }] })
    })
  )
  assert.strictEqual(response.status, 200, gateway.url)
  const text = response.text().then(
    (text) => text,
    () => "broken off"
  )
  return { id: requestIdOf(response), text: Effect.promise(() => text) }
})

const measured = Effect.fnUntraced(function* ({ gateway }: Workers) {
  const { status, text } = yield* gateway.request("/metrics", { headers: anew })
  assert.strictEqual(status, 200, text)
  const { samples } = readExposition(text)
  return (name: string) => {
    const series = [...samples].filter(([key]) => key.startsWith(`${name}[`))
    return series.reduce((sum, [, value]) => sum + value, 0)
  }
})

const usageRows = (databaseUrl: string) =>
  Effect.flatMap(
    SqlClient,
    (sql) => sql<{ request_id: string; status: string }>`SELECT request_id, status FROM usage`
  ).pipe(
    Effect.map((rows) => new Map(rows.map(({ request_id, status }) => [request_id, status]))),
    Effect.provide(PgClient.layer({ url: Redacted.make(databaseUrl), maxConnections: 1 })),
    Effect.orDie
  )

layer(Subject.layer, { excludeTestServices: true, timeout: "60 seconds" })("two workers", (it) => {
  it.effect("say once that they listen, when both do", () =>
    Effect.gen(function* () {
      const { lines, process } = yield* Subject
      const listening = lines().filter(({ message }) => String(message).startsWith("XRouter listens on"))
      assert.deepStrictEqual(
        listening.map(({ message, worker }) => [message, worker]),
        [[`XRouter listens on ${process.url}, with 2 workers`, 0]]
      )
    })
  )

  it.effect("keep a key's limit together, whichever of them a connection goes to", () =>
    Effect.gen(function* () {
      const subject = yield* Subject
      const answers: Array<Answer> = []
      for (let round = 0; round < 4; round++) {
        const key = yield* subject.gateway.makeKey({ limits: { rpm: 3 } })
        const all = yield* together(8, chat(subject.gateway, key))
        const admitted = all.filter(({ status }) => status === 200)
        assert.deepStrictEqual([admitted.length, all.filter(({ status }) => status === 429).length], [3, 5])
        for (const answer of admitted) subject.answered.add(requestIdOf(answer))
        answers.push(...all)
      }
      const ids = new Set(answers.map(requestIdOf))
      const told = () => subject.lines().filter((line) => ids.has(String(line["request_id"])))
      yield* soon(Effect.sync(() => told().length === ids.size))
      assert.deepStrictEqual([...new Set(told().map(({ worker }) => worker))].toSorted(), [1, 2])
    })
  )

  it.effect("tell of all that both have done, on whichever connection they are asked", () =>
    Effect.gen(function* () {
      const subject = yield* Subject
      const requests = "xrouter_requests_total"
      yield* soon(Effect.map(measured(subject), (of) => of(requests) === subject.answered.size))
      for (const of of yield* together(6, measured(subject))) {
        assert.strictEqual(of(requests), subject.answered.size)
        assert.strictEqual(of("xrouter_request_duration_seconds_count"), subject.answered.size)
        assert.strictEqual(of("xrouter_rate_limited_total"), 20)
        assert.strictEqual(of("xrouter_active_requests"), 0)
        assert.deepStrictEqual([of("xrouter_workers"), of("xrouter_workers_answering")], [2, 2])
        // Two processes hold more than one, and the loop of one is never later than the later of both.
        assert.isAbove(of("xrouter_process_resident_memory_bytes"), 150e6)
      }
    })
  )

  it.effect(
    "lose nothing when one is killed: it comes back, and the port answers all the time",
    () =>
      Effect.gen(function* () {
        const subject = yield* Subject
        const key = yield* subject.gateway.makeKey()
        const streams = new Map<string, Effect.Effect<string>>()
        while ([1, 2].some((worker) => begunAt(subject, worker, streams.keys()).length === 0)) {
          assert.isBelow(streams.size, 50)
          const { id, text } = yield* openStream(subject, key)
          streams.set(id, text)
        }
        const [staying, broken] = [begunAt(subject, 1, streams.keys()), begunAt(subject, 2, streams.keys())]
        const before = yield* measured(subject)
        assert.strictEqual(before("xrouter_active_streams"), streams.size)

        process.kill(pidsOf(subject, 2).at(-1) ?? 0, "SIGKILL")
        // No connection in the hands of the one that dies is lost by anybody else.
        while (pidsOf(subject, 2).length < 2) {
          const answer = yield* chat(subject.gateway, key)
          assert.strictEqual(answer.status, 200)
          subject.answered.add(requestIdOf(answer))
        }
        for (const id of broken) assert.strictEqual(yield* streams.get(id) ?? Effect.succeed("lost"), "broken off")

        // Its successor has read what it had left, and its totals are not gone with it.
        yield* soon(
          Effect.map(usageRows(subject.databaseUrl), (rows) => broken.every((id) => rows.get(id) === "interrupted"))
        )
        yield* subject.upstream.goOn.open
        for (const id of staying)
          assert.match((yield* streams.get(id) ?? Effect.succeed("lost")) ?? "", wholeHeldStream)
        for (const id of staying) subject.answered.add(id)
        yield* soon(Effect.map(measured(subject), (of) => of("xrouter_requests_total") === subject.answered.size))
        const after = yield* measured(subject)
        assert.deepStrictEqual([after("xrouter_worker_restarts_total"), after("xrouter_workers_answering")], [1, 2])
        assert.strictEqual(after("xrouter_process_start_time_seconds"), before("xrouter_process_start_time_seconds"))
        assert.isAtLeast(after("xrouter_process_cpu_seconds_total"), before("xrouter_process_cpu_seconds_total"))
        const death = subject.lines().find(({ message }) => /^Worker 2 .* ended by SIGKILL/.test(String(message)))
        assert.deepInclude(death, { level: "error", worker: 0 })
      }),
    60_000
  )

  it.effect(
    "tell of one that hangs what it told before, and start another one where one was told to stop",
    () =>
      Effect.gen(function* () {
        const subject = yield* Subject
        const pid = pidsOf(subject, 1).at(-1) ?? 0
        const before = yield* measured(subject)
        process.kill(pid, "SIGSTOP")
        const meanwhile = yield* measured(subject)
        process.kill(pid, "SIGCONT")
        assert.deepStrictEqual([meanwhile("xrouter_workers"), meanwhile("xrouter_workers_answering")], [2, 1])
        assert.strictEqual(meanwhile("xrouter_requests_total"), before("xrouter_requests_total"))

        process.kill(pid, "SIGTERM")
        yield* soon(Effect.sync(() => pidsOf(subject, 1).length === 2))
        assert.isFalse(isAlive(pid))
        const end = subject.lines().find(({ message }) => /^Worker 1 .* ended by code 0/.test(String(message)))
        assert.deepInclude(end, { level: "info", worker: 0 })
        const after = yield* measured(subject)
        assert.strictEqual(after("xrouter_requests_total"), before("xrouter_requests_total"))
        assert.strictEqual(after("xrouter_worker_restarts_total"), 2)
      }),
    60_000
  )

  it.effect("both read the configuration again at SIGHUP", () =>
    Effect.gen(function* () {
      const subject = yield* Subject
      const heard = (form: RegExp) =>
        new Set(subject.lines().flatMap(({ message, worker }) => (form.test(String(message)) ? [worker] : []))).size
      yield* subject.process.signal("SIGHUP")
      yield* soon(Effect.sync(() => heard(/xrouter\.yaml changes nothing/) === 2))
      writeFileSync(
        `${subject.process.folder}/xrouter.yaml`,
        "models:\n  parrot: { candidates: [{ model: sandbox/echo }] }\n"
      )
      yield* subject.process.signal("SIGHUP")
      yield* soon(Effect.sync(() => heard(/xrouter\.yaml was read again/) === 2))
      const key = yield* subject.gateway.makeKey()
      const answers = yield* together(
        8,
        subject.gateway.post("/v1/chat/completions", key, { ...hello, model: "parrot" }, anew)
      )
      for (const answer of answers) {
        assert.strictEqual(answer.status, 200)
        subject.answered.add(requestIdOf(answer))
      }
    })
  )

  it.effect(
    "end at SIGTERM with 0, and every call is in the ledger",
    () =>
      Effect.gen(function* () {
        const subject = yield* Subject
        assert.strictEqual(yield* subject.process.stop, 0, subject.process.stderr())
        const rows = yield* usageRows(subject.databaseUrl)
        const completed = [...rows].flatMap(([id, status]) => (status === "completed" ? [id] : []))
        assert.deepStrictEqual(completed.toSorted(), [...subject.answered].toSorted())
        for (const worker of [1, 2]) {
          assert.isFalse(pidsOf(subject, worker).some(isAlive))
          assert.lengthOf(begunAt(subject, worker, subject.answered), 0)
        }
        assert.strictEqual(subject.process.stderr(), "")
      }),
    60_000
  )
})

describe("workers whose primary is killed", () => {
  it.live(
    "finish what they have begun, and end",
    () =>
      Effect.gen(function* () {
        const workers = yield* startWorkers
        const { gateway, process, upstream } = workers
        const key = yield* gateway.makeKey()
        const streams = yield* together(6, openStream(workers, key))
        yield* process.signal("SIGKILL")
        const form = /^The process that has started this worker is gone/
        yield* soon(Effect.sync(() => workers.lines().filter(({ message }) => form.test(String(message))).length === 2))
        yield* upstream.goOn.open
        for (const { text } of streams) assert.match(yield* text, wholeHeldStream)
        const pids = [1, 2].flatMap((worker) => pidsOf(workers, worker))
        assert.lengthOf(pids, 2)
        yield* soon(Effect.sync(() => !pids.some(isAlive)))
        const rows = yield* usageRows(workers.databaseUrl)
        assert.deepStrictEqual(
          streams.map(({ id }) => rows.get(id)),
          streams.map(() => "completed")
        )
      }).pipe(Effect.scoped),
    60_000
  )
})

describe("a start of several workers", () => {
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
  const refused = Effect.fnUntraced(
    function* (environment: Readonly<Record<string, string>>) {
      const files = yield* FileSystem.FileSystem
      return yield* runChild(process.execPath, [main], {
        cwd: yield* files.makeTempDirectoryScoped(),
        environment: {
          XROUTER_WORKERS: "2",
          DATABASE_URL: yield* freshDatabase,
          XROUTER_JWT_SECRETS: `one:${randomBytes(32).toString("base64")}`,
          ...environment
        }
      })
    },
    Effect.orDie,
    Effect.scoped,
    Effect.provide(NodeFileSystem.layer)
  )

  it.live("is refused without the stores that they share, each by its name", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* refused({ DATABASE_URL: "" })
      assert.strictEqual(code, 1)
      assert.strictEqual(out, "")
      assert.match(err, /^ +DATABASE_URL: is required where XROUTER_WORKERS is above 1/m)
      assert.match(err, /^ +REDIS_URL: is required where XROUTER_WORKERS is above 1/m)
    })
  )

  it.live(
    "fails as a whole where one cannot start, and says why once",
    () =>
      Effect.gen(function* () {
        const taken = yield* heldUpstream
        const redis = yield* Effect.orDie(startRedis())
        const { port } = new URL(taken.url)
        const { code, err } = yield* refused({ REDIS_URL: redis.url, XROUTER_PORT: port })
        assert.strictEqual(code, 1)
        assert.strictEqual(
          err,
          `Port ${port} of 127.0.0.1 is in use. Stop the process that listens there, or set XROUTER_PORT to another\n`
        )
      }).pipe(Effect.scoped),
    60_000
  )
})
