import { assert, describe, it } from "@effect/vitest"
import { HttpApi } from "effect/http-api"
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { parseSync } from "rolldown/utils"
import { parse as parseYaml } from "yaml"
import {
  authReasons,
  internalReasons,
  providerReasons,
  rateLimitReasons,
  validationReasons
} from "../src/domain/Errors.ts"
import { Api } from "../src/gateway/Api.ts"
import { docsPath, openApiPath } from "../src/gateway/Docs.ts"
import { oauthRoutes } from "../src/gateway/OAuthRoutes.ts"
import { ranks } from "./architecture/Ranks.ts"
import { filesOf, type Page, readPage } from "./docs/Page.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")
const files = filesOf(root).filter((path) => path !== ".env" && path !== "xrouter.yaml")
const pages = files.filter((path) => path.endsWith(".md")).map((path) => readPage(root, path))
const page = (path: string): Page => pages.find((candidate) => candidate.path === path) ?? readPage(root, path)

describe("links", () => {
  it("lead to files and headings that are there", () => {
    const broken = pages.flatMap(({ links, path }) =>
      links.flatMap(({ line, target }) => {
        if (/^[a-z]+:/.test(target)) return []
        const [file = "", anchor] = target.split("#")
        const to = file === "" ? path : normalize(join(dirname(path), file))
        if (!existsSync(join(root, to))) return [`${path}:${line} ${target}`]
        return anchor !== undefined && !page(to).anchors.has(anchor)
          ? [`${path}:${line} ${target}: no such heading`]
          : []
      })
    )
    assert.deepStrictEqual(broken, [])
  })

  it("reach every page of docs/ from the README", () => {
    const seen = new Set<string>()
    const follow = (path: string): void => {
      if (seen.has(path)) return
      seen.add(path)
      for (const { target } of page(path).links) {
        if (/^[a-z]+:/.test(target)) continue
        const to = normalize(join(dirname(path), target.replace(/#.*/, ""))).replace(/\/$/, "")
        if (to.endsWith(".md") && existsSync(join(root, to))) follow(to)
        else for (const { path: inner } of pages) if (dirname(inner) === to) follow(inner)
      }
    }
    follow("README.md")
    assert.deepStrictEqual(
      pages.map(({ path }) => path).filter((path) => path.startsWith("docs/") && !seen.has(path)),
      []
    )
  })

  it("and names of files in backticks are those of files", () => {
    const missing = pages.flatMap(({ files: named, path }) =>
      named.flatMap(({ line, target }) => (existsSync(join(root, target)) ? [] : [`${path}:${line} ${target}`]))
    )
    assert.deepStrictEqual(missing, [])
  })
})

const stdin = (command: string, args: ReadonlyArray<string>, input: string) => {
  const { error, status, stderr } = spawnSync(command, args, { input, encoding: "utf8" })
  if (error !== undefined || status !== 0) throw new SyntaxError(error?.message ?? stderr)
}

const module = (language: "js" | "ts") => (code: string) => {
  const [error] = parseSync(`block.${language}`, code, { lang: language, sourceType: "module" }).errors
  if (error !== undefined) throw new SyntaxError(error.message)
}

const hasPython = spawnSync("python3", ["--version"]).status === 0

/** How a code block's language is read. A language that is not named here fails the test: mend its name or add a reader. */
const readers: Readonly<Record<string, (code: string) => unknown>> = {
  "": () => undefined,
  text: () => undefined,
  mermaid: () => undefined,
  sql: () => undefined,
  ts: module("ts"),
  js: module("js"),
  json: (code) => JSON.parse(code) as unknown,
  // `${NAME}` reads the environment before YAML is parsed, as in xrouter.yaml.
  yaml: (code) => parseYaml(code.replaceAll(/\$\{\w+\}/g, "value")) as unknown,
  bash: (code) => stdin("bash", ["-n"], code),
  python: (code) =>
    hasPython ? stdin("python3", ["-c", "import ast, sys; ast.parse(sys.stdin.read())"], code) : undefined
}

describe("code blocks", () => {
  it("are written in the language that they say", () => {
    const faults = pages.flatMap(({ blocks, path }) =>
      blocks.flatMap(({ code, language, line }) => {
        const reader = readers[language]
        if (reader === undefined) return [`${path}:${line} nobody reads ${language}`]
        try {
          reader(code)
          return []
        } catch (error) {
          return [`${path}:${line} ${String(error)}`]
        }
      })
    )
    assert.deepStrictEqual(faults, [])
  })

  it("that are broken are noticed", () => {
    const broken: Record<string, string> = {
      ts: "const = 1",
      js: "await (",
      json: "{a: 1}",
      yaml: "a: [1",
      bash: "if true; then",
      ...(hasPython ? { python: "def f(:" } : {})
    }
    for (const [language, code] of Object.entries(broken)) assert.throws(() => readers[language]?.(code), Error)
  })

  it("of the README are the files of examples/, to the letter", () => {
    const blocks = page("README.md").blocks
    const shown = [
      ["bash", "examples/curl.sh"],
      ["js", "examples/openai-node.mjs"],
      ["python", "examples/openai-python.py"]
    ] as const
    for (const [language, path] of shown) {
      assert.isTrue(
        blocks.some((block) => block.language === language && block.code === read(path)),
        path
      )
    }
  })
})

describe("the pages", () => {
  const manifest: { readonly version: string; readonly scripts: Record<string, string> } = JSON.parse(
    read("package.json")
  )

  it("of docs/decisions are numbered without a gap and have their four parts", () => {
    const decisions = pages.filter(({ path }) => path.startsWith("docs/decisions/"))
    assert.isAtLeast(decisions.length, 6)
    for (const [index, { anchors, path, text }] of decisions
      .toSorted((a, b) => a.path.localeCompare(b.path))
      .entries()) {
      const number = index + 1
      assert.match(path, new RegExp(`^docs/decisions/${String(number).padStart(4, "0")}-[a-z0-9-]+\\.md$`))
      assert.isTrue(text.startsWith(`# ${number}. `), path)
      assert.match(text, /^Status: (proposed|accepted|superseded by \[\d{4}\]\(.+\))$/m, path)
      for (const part of ["context", "decision", "consequences"]) assert.isTrue(anchors.has(part), `${path}: ${part}`)
    }
  })

  it("name every room of src in the glossary", () => {
    const entries = new Set(
      Array.from(read("docs/glossary.md").matchAll(/^\*\*(.+?)\*\*/gm), ([, word]) => word?.toLowerCase())
    )
    const rooms = ranks.flat().filter((room) => room !== "src")
    assert.deepStrictEqual(
      rooms.filter((room) => !entries.has(room)),
      []
    )
  })

  it("have the package's version in the changelog, first", () => {
    assert.strictEqual(/^## (.+)$/m.exec(read("CHANGELOG.md"))?.[1], manifest.version)
  })

  it("name only npm scripts that exist", () => {
    const unknown = pages.flatMap(({ path, text }) =>
      Array.from(
        text.matchAll(/npm run (?:-s |--silent )?([\w:-]+)|npm (start|test)\b/g),
        ([, run, bare]) => run ?? bare ?? ""
      )
        .filter((script) => manifest.scripts[script] === undefined)
        .map((script) => `${path}: npm run ${script}`)
    )
    assert.deepStrictEqual(unknown, [])
  })

  it("and .env.example name only variables that the configuration or the Compose file knows", () => {
    const known = files
      .filter((path) => path.startsWith("src/config/") || path === "docker-compose.yml")
      .map(read)
      .join("\n")
    const ours = /\b(?:XROUTER|GIGACHAT|YANDEX|OPENAI)_[A-Z][A-Z0-9_]*\b/g
    /** A scope of GigaChat's, and what the examples take from the environment of their own. */
    const others = new Set([
      "GIGACHAT_API_PERS",
      "GIGACHAT_API_B2B",
      "GIGACHAT_API_CORP",
      "XROUTER_API_KEY",
      "XROUTER_URL"
    ])
    const unknown = [...pages.map(({ path }) => path), ".env.example"].flatMap((path) =>
      Array.from(read(path).matchAll(ours), ([name]) => name)
        .filter((name) => !others.has(name) && !new RegExp(`\\b${name}\\b`).test(known))
        .map((name) => `${path}: ${name}`)
    )
    assert.deepStrictEqual(unknown, [])
  })
})

describe("docs/contract.md", () => {
  const text = read("docs/contract.md")
  const section = (name: string) => text.split(/^## /m).find((part) => part.startsWith(`${name}\n`)) ?? ""
  const quoted = (line: string) => Array.from(line.matchAll(/`([^`]+)`/g), ([, word]) => word ?? "")

  it("lists every route that there is, and no other", () => {
    const plain = oauthRoutes.map(([method, path]) => `${method} ${path}`)
    const routes = new Set([`GET ${docsPath}`, `GET ${openApiPath}`, ...plain])
    HttpApi.reflect(Api, {
      onGroup: () => {},
      onEndpoint: ({ endpoint }) => routes.add(`${endpoint.method} ${endpoint.path}`)
    })
    const told = quoted(section("HTTP surface")).filter((word) => /^[A-Z]+ \//.test(word))
    assert.deepStrictEqual(told.toSorted(), Array.from(routes).toSorted())
  })

  it("lists every reason of every error under its code", () => {
    const rows = Array.from(section("Errors").matchAll(/^\| `(\w+_error)` \|(.*)\|$/gm), ([, code, row]) => [
      code,
      quoted(row ?? "")
    ])
    assert.deepStrictEqual(
      rows.map(([code, reasons]) => [code, [...(reasons ?? [])].toSorted()]),
      [
        ["auth_error", [...authReasons].toSorted()],
        ["validation_error", [...validationReasons].toSorted()],
        ["rate_limit_error", [...rateLimitReasons].toSorted()],
        ["provider_error", [...providerReasons].toSorted()],
        ["internal_error", [...internalReasons].toSorted()]
      ]
    )
  })

  it("lists every metric that there is, and no other", () => {
    const there = Array.from(read("src/telemetry/Metrics.ts").matchAll(/"(xrouter_\w+)"/g), ([, name]) => name ?? "")
    const told = quoted(section("Metrics")).filter((word) => word.startsWith("xrouter_"))
    assert.deepStrictEqual(told.toSorted(), there.toSorted())
  })

  it("has the sections that the source refers to", () => {
    const named = files
      .filter((path) => path.startsWith("src/"))
      .flatMap((path) => Array.from(read(path).matchAll(/CONTRACT, "([^"]+)"/g), ([, name]) => name ?? ""))
    assert.isNotEmpty(named)
    assert.deepStrictEqual(
      named.filter((name) => section(name) === ""),
      []
    )
  })
})

describe("the checkout", () => {
  /** Written in pieces, so that this file does not hold what it looks for. */
  const machine = ["work", "root", "home", "Users", "tmp"].map((folder) => `/${folder}/`)
  const patterns = [
    new RegExp(`(?<![\\w.\\]}-])(?:${machine.join("|")})\\w`),
    /https?:\/\/(?:registry|npm|pypi|mirror|nexus|artifactory|verdaccio)\b[^\s"]*/,
    new RegExp(`${"T"}ODO|${"F"}IXME|${"X"}XX`)
  ]
  const texts = files.filter((path) =>
    /\.(ts|mjs|js|json|ya?ml|md|py|sh|sql|html|css)$|^[^.]+$|^\.[\w/.-]+$/.test(path)
  )

  it("holds no path of somebody's machine, no registry's address and no mark of unfinished work", () => {
    const found = texts.flatMap((path) =>
      read(path)
        .split("\n")
        .flatMap((line, index) =>
          // A checksum may spell anything.
          !/^\s*"integrity": /.test(line) && patterns.some((pattern) => pattern.test(line))
            ? [`${path}:${index + 1} ${line.trim().slice(0, 120)}`]
            : []
        )
    )
    assert.deepStrictEqual(found, [])
  })

  it("would notice them", () => {
    for (const line of [
      `cd /${"home"}/me`,
      `"resolved": "https://${"registry"}.example.org/x.tgz"`,
      `// ${"TO"}DO later`
    ]) {
      assert.isTrue(
        patterns.some((pattern) => pattern.test(line)),
        line
      )
    }
    assert.isFalse(patterns.some((pattern) => pattern.test("GET http://127.0.0.1:8080/v1/work/1")))
  })
})
