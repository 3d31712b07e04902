import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Fiber, FileSystem, Layer, Redacted } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { stripVTControlCharacters } from "node:util"
import { fileURLToPath } from "node:url"
import { type Child, runChild, startChild } from "../../support/Child.ts"
import { eventually } from "../../support/Eventually.ts"
import { startGateway, type TestGateway } from "../../support/Gateway.ts"
import { closedPort } from "../../support/Loopback.ts"
import { json, make as makeUpstream, reset, text } from "../../support/ScriptedUpstream.ts"
import { run } from "../running.ts"

const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url))
const messages = [{ role: "user", content: "One two three four" }]
const health = { status: "up", components: { database: "up", redis: "off", providers: {} } }
const token = "metrics-token-of-the-test"

class Subject extends Context.Service<
  Subject,
  { readonly gateway: TestGateway; readonly folder: string; readonly environment: Record<string, string> }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const gateway = yield* startGateway({ metricsToken: Redacted.make(token) })
      const folder = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
      return { gateway, folder, environment: { XROUTER_URL: gateway.url, XROUTER_METRICS_TOKEN: token } }
    })
  ).pipe(Layer.provide(NodeServices.layer))
}

/** Requests until the scope closes: those that are answered, and those that are one too many. */
const traffic = Effect.fnUntraced(function* (gateway: TestGateway) {
  const wide = yield* gateway.makeKey()
  const narrow = yield* gateway.makeKey({ limits: { rpm: 1 } })
  yield* gateway.chat(narrow, { model: "sandbox/echo", messages })
  return yield* Effect.forkScoped(
    Effect.forever(
      Effect.all([
        gateway.chat(wide, { model: "sandbox/echo", messages }),
        gateway.chat(wide, { model: "sandbox/echo", messages, stream: true }),
        gateway.chat(narrow, { model: "sandbox/echo", messages })
      ])
    )
  )
})

/** The seconds or the number that stand after a word. */
const told = (text: string, word: string): string => new RegExp(`^${word}.*$`, "m").exec(text)?.[0] ?? ""

/** Xterm's alternate screen, without a cursor and without breaking long lines; and what was there before, with both. */
const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l"
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l"

/** util-linux has `script`, which gives a command a terminal. */
const hasPseudoTerminal = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0

const onTerminal = Effect.fnUntraced(function* (command: string) {
  const { environment, folder } = yield* Subject
  return yield* startChild("script", ["-qec", command, "/dev/null"], {
    cwd: folder,
    environment: { ...environment, PATH: process.env["PATH"] ?? "", SHELL: "/bin/sh", TERM: "xterm-256color" },
    stdin: true
  })
})

layer(Subject.layer, { excludeTestServices: true })("xrouter top", (it) => {
  it.effect("--once prints what happens between two looks, as plain text", () =>
    Effect.gen(function* () {
      const { environment, gateway } = yield* Subject
      const load = yield* traffic(gateway)
      const ran = yield* run(environment, "top --once --interval 1")
      yield* Fiber.interrupt(load)
      assert.isTrue(ran.ok, ran.err)
      assert.strictEqual(ran.err, "")
      assert.match(
        told(ran.out, "XRouter"),
        new RegExp(`^XRouter ${gateway.url} {2}up {2}running for .+ {2}rates over \\d`)
      )
      assert.match(told(ran.out, "Requests"), /^Requests +[1-9][\d.k]*\/s {2}failed \d/)
      assert.match(told(ran.out, "Faults"), /caller 0\/s {2}policy [1-9].+ {2}provider 0\/s {2}us 0\/s$/)
      for (const measured of ["Whole answer", "First token", "Our share"]) {
        assert.match(told(ran.out, measured), /p50 \d.* m?s {2}p95 \d.* m?s$/)
      }
      assert.match(told(ran.out, "Tokens"), /in [1-9][\d.k]*\/s {2}out [1-9][\d.k]*\/s$/)
      assert.match(told(ran.out, "sandbox"), /^sandbox +operational +closed +[1-9][\d.k]*\/s +0% +\d/)
      assert.match(told(ran.out, "requests_per_minute"), /^requests_per_minute +[1-9][\d.k]*\/s +[1-9]/)
      assert.notMatch(ran.out, /[^\n\P{Cc}]/u)
    }).pipe(Effect.scoped)
  )

  it.effect("--once fails with the reason where there is nothing to see", () =>
    Effect.gen(function* () {
      const { environment, gateway } = yield* Subject
      const fails = Effect.fnUntraced(function* (given: Record<string, string>, message: RegExp) {
        const ran = yield* run(given, "top --once --interval 0.1")
        assert.isFalse(ran.ok)
        assert.strictEqual(ran.out, "")
        assert.match(ran.err, message)
      })
      const nowhere = `http://127.0.0.1:${yield* closedPort}`
      yield* fails({ XROUTER_URL: nowhere }, new RegExp(`No gateway answers at ${nowhere}. Start it`))
      yield* fails({ XROUTER_URL: gateway.url }, /shows its metrics to who has its token: set XROUTER_METRICS_TOKEN/)
      yield* fails(
        { ...environment, XROUTER_METRICS_TOKEN: "another" },
        /set XROUTER_METRICS_TOKEN to the gateway's own/
      )
      yield* fails({ XROUTER_URL: `${gateway.url}/elsewhere` }, /that is not XRouter's. Is XROUTER_URL right\?/)
      const page = yield* makeUpstream(() => json(200, { status: "up" }))
      yield* fails({ XROUTER_URL: page.url }, /that is not XRouter's/)
    }).pipe(Effect.scoped)
  )

  it.effect("--once refuses to compare two processes", () =>
    Effect.gen(function* () {
      let started = 0
      const two = yield* makeUpstream(({ path }) =>
        path === "/health" ? json(200, health) : text(200, `xrouter_process_start_time_seconds ${(started += 1)}\n`)
      )
      const ran = yield* run({ XROUTER_URL: two.url }, "top --once --interval 0.1")
      assert.isFalse(ran.ok)
      assert.match(ran.err, /Another process answers at .+ now: the gateway was restarted, or there are several/)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "waits for a gateway that is away, and writes plain text where there is no terminal",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* Subject
        let asked = 0
        const away = yield* makeUpstream(({ path }) => {
          if (path === "/health") return json(200, health)
          asked += 1
          return asked < 3 ? reset : text(200, "xrouter_process_start_time_seconds 1\nxrouter_active_requests 42\n")
        })
        const environment = { XROUTER_URL: away.url }
        const child = yield* startChild(process.execPath, [main, "top", "-n", "0.1"], { cwd: folder, environment })
        const out = yield* child.printed(/rates over .*[^]*rates over/)
        assert.match(
          out,
          new RegExp(`^XRouter ${away.url}\nNo gateway answers at ${away.url}. .+ Looking again\n\nXRouter`)
        )
        assert.include(out, "Active        42 requests  0 streams\n")
        assert.notMatch(out, /[^\n\P{Cc}]/u)
        assert.strictEqual(child.err(), "")
      }).pipe(Effect.scoped),
    60_000
  )

  it.effect(
    "ends without a word when nobody reads any more",
    () =>
      Effect.gen(function* () {
        const { environment, folder } = yield* Subject
        const { code, err, out } = yield* runChild(
          "sh",
          ["-c", `("$0" "$@"; echo "code $?" >&2) | head -n 1`, process.execPath, main, "top", "-n", "0.1"],
          { cwd: folder, environment: { ...environment, PATH: process.env["PATH"] ?? "" } }
        )
        assert.match(out, /^XRouter .+ up .+\n$/)
        assert.strictEqual(err, "code 0\n")
        assert.strictEqual(code, 0)
      }),
    60_000
  )

  it.effect.skipIf(!hasPseudoTerminal)(
    "takes the whole terminal, no more than it has, and gives it back when it is told to go",
    () =>
      Effect.gen(function* () {
        const go = Effect.fnUntraced(function* (tell: (child: Child, pid: number) => Effect.Effect<void>) {
          const child = yield* onTerminal(
            `stty cols 60 rows 12; echo pid $$; exec ${process.execPath} ${main} top -n 0.2`
          )
          const drawn = yield* child.printed(/rates over/)
          yield* tell(child, Number(/pid (\d+)/.exec(drawn)?.[1]))
          return yield* child.ended
        })
        const ends = yield* Effect.all(
          [
            go((child) => child.type("q")),
            go((child) => child.type("\u0003")),
            ...(["SIGTERM", "SIGHUP", "SIGQUIT"] as const).map((signal) =>
              go((_, pid) => Effect.sync(() => process.kill(pid, signal)))
            )
          ],
          { concurrency: 2 }
        )
        assert.deepStrictEqual(
          ends.map(({ code }) => code),
          [0, 0, 130, 130, 130]
        )
        for (const { out } of ends) {
          const [before = "", rest = ""] = out.split(enter)
          const [inside = "", after = ""] = rest.split(leave)
          assert.match(before, /^pid \d+\s+$/)
          assert.strictEqual(after.trim(), "")
          assert.include(inside, "\u001b[32mup\u001b")
          for (const frame of inside.split("\u001b[H").slice(1)) {
            const lines = stripVTControlCharacters(frame).split(/\r+\n/)
            assert.isAtMost(lines.length, 12)
            for (const line of lines) assert.isAtMost(line.length, 60, line)
          }
        }
      }).pipe(Effect.scoped),
    60_000
  )

  it.effect.skipIf(!hasPseudoTerminal)(
    "ends with its terminal",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* Subject
        const child = yield* onTerminal(
          `trap : HUP; echo terminal $PPID; ${process.execPath} ${main} top -n 0.2; echo ended >top-ended`
        )
        const drawn = yield* child.printed(/rates over/)
        process.kill(Number(/terminal (\d+)/.exec(drawn)?.[1]), "SIGKILL")
        yield* eventually(Effect.sync(() => existsSync(`${folder}/top-ended`)))
      }).pipe(Effect.scoped),
    60_000
  )
})
