import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join, resolve } from "node:path"
import { type Child, type Ended, runChild, startChild } from "./support/Child.ts"
import { eventually } from "./support/Eventually.ts"
import { heldUpstream, wholeHeldStream } from "./support/HeldUpstream.ts"
import { freePort } from "./support/Redis.ts"

const checkout = resolve(import.meta.dirname, "..")
const path = process.env["PATH"] ?? ""

/** `npm start` of this checkout in a data folder that is not there yet, and what was said until a key was shown. */
class FirstStart extends Context.Service<
  FirstStart,
  {
    readonly first: Child
    readonly url: string
    readonly key: string
    /** `npm start` again, on the same folder and port. */
    readonly again: (environment?: Readonly<Record<string, string>>) => ReturnType<typeof npmStart>
    /** What it starts, by itself and to its end. */
    readonly refused: (environment?: Readonly<Record<string, string>>) => Effect.Effect<Ended>
  }
>()("test/FirstStart") {
  static readonly layer = Layer.effect(
    FirstStart,
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const folder = yield* files.makeTempDirectoryScoped()
      const port = yield* freePort
      // Whatever lies in the checkout is not read.
      yield* files.writeFileString(`${folder}/xrouter.yaml`, "")
      const environment = {
        XROUTER_CONFIG: `${folder}/xrouter.yaml`,
        XROUTER_DATA_DIR: `${folder}/data`,
        XROUTER_PORT: String(port),
        XROUTER_LOG_FORMAT: "json",
        HOME: folder
      }
      const again = (more: Readonly<Record<string, string>> = {}) => npmStart({ ...environment, ...more })
      const refused = (more: Readonly<Record<string, string>> = {}) =>
        runChild(process.execPath, ["src/main.ts"], { cwd: checkout, environment: { ...environment, ...more } })
      const first = yield* again()
      const text = yield* first.printed(/"messages".*\n/)
      const key = /xr-\w+-\w+-\w+/.exec(text)?.[0] ?? ""
      return { first, url: `http://127.0.0.1:${port}`, key, again, refused }
    })
  )
}

const npmStart = (environment: Readonly<Record<string, string>>) =>
  startChild("npm", ["start"], { cwd: checkout, environment: { PATH: path, ...environment } })

const isOnPath = (name: string) => path.split(delimiter).some((folder) => existsSync(join(folder, name)))

const hasPythonSdk = (() => {
  try {
    execFileSync("python3", ["-c", "import openai"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

/** What a shell makes of it. */
const pasted = (line: string) => runChild("bash", ["-c", line], { cwd: checkout, environment: { PATH: path } })

/** The same without a shell that has `curl`. */
const asked = (line: string) =>
  Effect.promise(async (): Promise<Ended> => {
    const [, url = ""] = /curl (\S+)/.exec(line) ?? []
    const [, body = ""] = /-d '(.+)'/.exec(line) ?? []
    const headers = Array.from(
      line.matchAll(/-H "([\w-]+): (.+)"/g),
      ([, name = "", value = ""]) => [name, value] as const
    )
    const response = await fetch(url, { method: "POST", headers: Object.fromEntries(headers), body })
    return { code: 0, out: await response.text(), err: "" }
  })

const assertPlain = ({ code, err, out }: Ended, form: RegExp) => {
  assert.strictEqual(code, 1)
  assert.match(err, form)
  assert.notMatch(out + err, /\n +at |node_modules|Error:/)
}

layer(Layer.provide(FirstStart.layer, NodeFileSystem.layer).pipe(Layer.merge(NodeFileSystem.layer)), {
  excludeTestServices: true,
  timeout: "60 seconds"
})("npm start", (it) => {
  it.effect("says the first time what it is doing, then where it listens, and shows one key", () =>
    Effect.gen(function* () {
      const { first, key, url } = yield* FirstStart
      yield* first.printed(/XRouter listens on/)
      const text = first.out()
      assert.isBelow(text.indexOf("Creating the embedded database"), text.indexOf("Migrated the database"))
      assert.include(text, `XRouter listens on ${url}`)
      assert.strictEqual(text.split("xr-").length, 2)
      assert.match(key, /^xr-pro-[0-9A-Za-z]{22}-[0-9A-Za-z]{6}$/)
      assert.strictEqual(first.err(), "")
    })
  )

  it.effect("shows it in a line that works as pasted", () =>
    Effect.gen(function* () {
      const { first } = yield* FirstStart
      const [line = ""] = /curl (?:.*\\\n)*.*/.exec(first.out()) ?? []
      const { out } = yield* (isOnPath("curl") && isOnPath("bash") ? pasted : asked)(line)
      const answer = JSON.parse(out)
      assert.strictEqual(answer.object, "chat.completion")
      assert.strictEqual(answer.choices[0].message.content, "Hello!")
    })
  )

  const examples = [
    ["examples/curl.sh", "bash", isOnPath("curl") && isOnPath("bash"), /"content":\s*"Hello"/],
    ["examples/openai-node.mjs", process.execPath, true, /\w+ \w+ [^{}]+\n$/],
    ["examples/openai-python.py", "python3", hasPythonSdk, /^Hello\n$/]
  ] as const
  // The Python SDK is no package of npm's: its example is run where somebody has installed it.
  for (const [file, command, , form] of examples.filter(([, , isThere]) => isThere)) {
    it.effect(`serves ${file}`, () =>
      Effect.gen(function* () {
        const { key, url } = yield* FirstStart
        const environment = { PATH: path, XROUTER_URL: url, XROUTER_API_KEY: key }
        const { code, err, out } = yield* runChild(command, [file], { cwd: checkout, environment })
        assert.strictEqual(code, 0, err)
        assert.match(out, form)
      })
    )
  }

  it.effect("refuses a folder that is in use, in words and without a stack", () =>
    Effect.gen(function* () {
      const { refused } = yield* FirstStart
      assertPlain(
        yield* refused(),
        /^The embedded database is in use by process \d+ .*Stop that process, give this one another XROUTER_DATA_DIR/m
      )
    })
  )

  it.effect("tells every fault of its configuration at once, without a stack", () =>
    Effect.gen(function* () {
      const { refused } = yield* FirstStart
      assertPlain(
        yield* refused({ XROUTER_PORT: "http", XROUTER_LOG_LEVEL: "loud", YANDEX_API_KEY: "AQVN" }),
        /^The configuration has 3 faults:\n +XROUTER_PORT: .+\n +XROUTER_LOG_LEVEL: .+\n +YANDEX_FOLDER_ID: .+\n/m
      )
    })
  )

  it.effect("ends when it is told to, without an error, and serves the same folder again without another key", () =>
    Effect.gen(function* () {
      const { again, first, key, url } = yield* FirstStart
      yield* first.terminate
      assert.strictEqual((yield* first.ended).code, 0)

      const upstream = yield* heldUpstream
      const second = yield* again({ OPENAI_BASE_URL: upstream.url })
      yield* second.printed(/XRouter listens on/)
      assert.notInclude(second.out(), "xr-")
      assert.notInclude(second.out(), "Creating")

      // A stream that is under way when the gateway is told to stop comes to its end; nothing new is taken.
      const response = yield* Effect.promise(() =>
        fetch(`${url}/v1/chat/completions`, {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json", connection: "close" },
          body: JSON.stringify({ model: "openai/slow", stream: true, messages: [{ role: "user", content: "?" }] })
        })
      )
      assert.strictEqual(response.status, 200)
      yield* upstream.reached.await
      yield* second.terminate
      yield* eventually(Effect.isFailure(Effect.tryPromise(() => fetch(`${url}/health/live`))))
      yield* upstream.goOn.open
      const text = yield* Effect.promise(() => response.text())
      assert.match(text, wholeHeldStream)
      const { code, err } = yield* second.ended
      assert.strictEqual(code, 0, err)
    }).pipe(Effect.scoped)
  )
})
