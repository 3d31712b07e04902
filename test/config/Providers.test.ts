import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Equal, Record, Redacted } from "effect"
import { vendorNames } from "../../src/config/Vendors.ts"
import { faultsOf, read, readFile } from "./reading.ts"

describe("a provider that is set in part", () => {
  const cases: ReadonlyArray<readonly [environment: Record<string, string>, faults: ReadonlyArray<string>]> = [
    [{ YANDEX_API_KEY: "k" }, ["YANDEX_FOLDER_ID: is required: the folder that models run in"]],
    [
      { YANDEX_FOLDER_ID: "b1g", YANDEX_DATA_LOGGING: "true" },
      [
        "YANDEX_FOLDER_ID, YANDEX_DATA_LOGGING: Expected credentials too: YANDEX_API_KEY, YANDEX_IAM_TOKEN or YANDEX_SA_KEY_FILE"
      ]
    ],
    [
      { YANDEX_API_KEY: "k", YANDEX_IAM_TOKEN: "t", YANDEX_FOLDER_ID: "b1g" },
      ["YANDEX_IAM_TOKEN: Expected one way in, YANDEX_API_KEY and YANDEX_IAM_TOKEN are set together"]
    ],
    [{ GIGACHAT_CERT_FILE: "file" }, ["GIGACHAT_KEY_FILE: is required beside GIGACHAT_CERT_FILE"]],
    [
      { GIGACHAT_CREDENTIALS: "a2V5", GIGACHAT_KEY_FILE: "file" },
      ["GIGACHAT_CERT_FILE: is required beside GIGACHAT_KEY_FILE"]
    ],
    [
      { GIGACHAT_SCOPE: "GIGACHAT_API_CORP" },
      [
        "GIGACHAT_SCOPE: Expected credentials too: GIGACHAT_CREDENTIALS, GIGACHAT_ACCESS_TOKEN, or GIGACHAT_CERT_FILE and GIGACHAT_KEY_FILE"
      ]
    ]
  ]
  for (const [environment, expected] of cases) {
    it.effect(`is told what is missing: ${Object.keys(environment).join(", ")}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* faultsOf(environment, { file: "" }), expected)
      })
    )
  }

  it.effect("is told so in the file's words where the file has it", () =>
    Effect.gen(function* () {
      const yaml = `
providers:
  sber:
    kind: gigachat
    certFile: file
  ya:
    kind: yandexgpt
    apiKey: k
    serviceAccountKeyFile: file
  other:
    kind: openai
    concurrency: 3
    caBundleFile: gone.pem
`
      assert.deepStrictEqual(yield* faultsOf({}, { "xrouter.yaml": yaml, file: "" }), [
        "xrouter.yaml:3 providers.sber.keyFile: is required beside certFile",
        "xrouter.yaml:9 providers.ya.serviceAccountKeyFile: Expected one way in, apiKey and serviceAccountKeyFile are set together",
        "xrouter.yaml:6 providers.ya.folderId: is required: the folder that models run in",
        "xrouter.yaml:10 providers.other: Expected apiKey, baseUrl or both",
        "xrouter.yaml:13 providers.other.caBundleFile: Expected a file that can be read: NotFound"
      ])
    })
  )
})

describe("providers", () => {
  it.effect("of the environment have their kinds' names, and a URL alone makes an OpenAI-compatible one", () =>
    Effect.gen(function* () {
      const { providers } = yield* read({
        OPENAI_BASE_URL: "http://localhost:11434/v1",
        GIGACHAT_ACCESS_TOKEN: "t",
        YANDEX_IAM_TOKEN: "t1.x",
        YANDEX_FOLDER_ID: "b1g"
      })
      assert.deepStrictEqual([...providers.keys()].sort(), ["gigachat", "openai", "yandexgpt"])
    })
  )

  it.effect("of the file may be of every kind, and as many as one likes", () =>
    Effect.gen(function* () {
      const { providers } = yield* readFile(`
providers:
  sber-a: { kind: gigachat, credentials: a2V5, scope: GIGACHAT_API_B2B, verifySslCerts: false, concurrency: 1 }
  sber-b: { kind: gigachat, accessToken: t }
  ya: { kind: yandexgpt, iamToken: t1.x, folderId: b1g, dataLogging: true }
  local: { kind: openai, baseUrl: http://localhost:8000/v1 }
`)
      assert.deepStrictEqual(
        [...providers].map(([name, { kind }]) => [name, kind]),
        [
          ["sber-a", "gigachat"],
          ["sber-b", "gigachat"],
          ["ya", "yandexgpt"],
          ["local", "openai"]
        ]
      )
      assert.deepInclude(providers.get("sber-a"), { scope: "GIGACHAT_API_B2B", verifySslCerts: false, concurrency: 1 })
      assert.deepInclude(providers.get("ya"), { folderId: "b1g", dataLogging: true })
    })
  )

  it.effect("that speak OpenAI's language are known by their vendor, or by their address", () =>
    Effect.gen(function* () {
      const read = readFile(
        `
providers:
  deepseek: { kind: openai, vendor: deepseek, apiKey: k }
  glm: { kind: openai, vendor: zai, apiKey: k }
  ollama: { kind: openai, vendor: ollama }
  local: { kind: openai, baseUrl: http://localhost:1234/v1 }
  far: { kind: openai, vendor: vllm, baseUrl: https://llm.example/v1 }
  router: { kind: openai, baseUrl: https://openrouter.ai/api/v1, apiKey: k, headers: { HTTP-Referer: https://a.example, X-Title: My shop } }
  other: { kind: openai, baseUrl: http://localhost:8000/v1 }
`,
        { OPENAI_API_KEY: "k" }
      )
      const { providers } = yield* read
      assert.deepStrictEqual(
        [...providers].map(([name, settings]) =>
          settings.kind === "openai" ? [name, settings.vendor, settings.baseUrl] : []
        ),
        [
          ["openai", "openai", "https://api.openai.com/v1"],
          ["deepseek", "deepseek", "https://api.deepseek.com"],
          ["glm", "zai", "https://api.z.ai/api/paas/v4"],
          ["ollama", "ollama", "http://127.0.0.1:11434/v1"],
          ["local", "lmstudio", "http://localhost:1234/v1"],
          ["far", "vllm", "https://llm.example/v1"],
          ["router", "openrouter", "https://openrouter.ai/api/v1"],
          ["other", undefined, "http://localhost:8000/v1"]
        ]
      )
      const router = providers.get("router")
      const headers = router?.kind === "openai" ? router.headers : undefined
      assert.deepStrictEqual(headers && Record.map(headers, Redacted.value), {
        "HTTP-Referer": "https://a.example",
        "X-Title": "My shop"
      })
      assert.notInclude(JSON.stringify(router), "My shop")
      // Read again while the gateway runs, they have not changed.
      assert.isTrue(Equal.equals((yield* read).providers, providers))
    })
  )

  it.effect("that speak OpenAI's language are told what is wrong with their vendor and their headers", () =>
    Effect.gen(function* () {
      const yaml = `providers:
  a: { kind: openai, vendor: deepseek }
  b: { kind: openai, vendor: nobody, apiKey: k }
  c: { kind: openai, apiKey: k, headers: { Authorization: Bearer k } }
  d: { kind: openai, apiKey: k, headers: { "X Title": a } }
  e: { kind: openai, apiKey: k, headers: { X-Title: "a\\nb" } }
  f: { kind: openai, apiKey: k, baseUrl: https://llm.api.cloud.yandex.net/v1 }`
      const names = "Expected names of headers, and none that the gateway sets itself or that belongs to the connection"
      assert.deepStrictEqual(yield* faultsOf({}, { "xrouter.yaml": yaml }), [
        "xrouter.yaml:2 providers.a: Expected apiKey, baseUrl or both",
        `xrouter.yaml:3 providers.b.vendor: Expected one of ${vendorNames.join(", ")}`,
        `xrouter.yaml:4 providers.c.headers: ${names}`,
        `xrouter.yaml:5 providers.d.headers: ${names}`,
        "xrouter.yaml:6 providers.e.headers.X-Title: Expected one line of printable characters",
        "xrouter.yaml:7 providers.f.project: is required: the folder that models run in"
      ])
    })
  )

  it.effect("of the file may not take the name of one that the environment configures", () =>
    Effect.gen(function* () {
      const yaml = "providers: { openai: { kind: openai, apiKey: k } }"
      assert.deepStrictEqual(yield* faultsOf({ OPENAI_API_KEY: "k" }, { "xrouter.yaml": yaml }), [
        "xrouter.yaml:1 providers.openai: Expected another name, the environment configures openai already"
      ])
      assert.isTrue((yield* readFile(yaml)).providers.has("openai"))
    })
  )

  it.effect("of the environment may stand in the file with how they are called", () =>
    Effect.gen(function* () {
      const yaml = `providers:
  openai: { kind: openai, concurrency: 1, timeouts: { idle: 7 seconds }, circuit: { failures: 3, cooldown: 1 minute }, fanOut: off, propagateTrace: true }`
      const { providers } = yield* readFile(yaml, { OPENAI_API_KEY: "k", OPENAI_BASE_URL: "https://llm.example/v1" })
      assert.deepInclude(providers.get("openai"), {
        kind: "openai",
        baseUrl: "https://llm.example/v1",
        concurrency: 1,
        timeouts: { idle: Duration.seconds(7) },
        circuit: { failures: 3, cooldown: Duration.minutes(1) },
        fanOut: false,
        propagateTrace: true
      })
    })
  )

  it.effect("of the environment keep their kind there, and what is wrong is told with its place", () =>
    Effect.gen(function* () {
      const yaml = `providers:
  openai: { kind: gigachat, concurrency: 0 }
  yandexgpt: { kind: openai, circuit: { failures: 2 } }`
      const environment = { OPENAI_API_KEY: "k", YANDEX_API_KEY: "AQVN", YANDEX_FOLDER_ID: "b1g" }
      assert.deepStrictEqual(yield* faultsOf(environment, { "xrouter.yaml": yaml }), [
        "xrouter.yaml:2 providers.openai.concurrency: Expected a whole number, at least 1",
        "xrouter.yaml:3 providers.yandexgpt.kind: Expected yandexgpt, as the environment configures it"
      ])
    })
  )
})

describe("a model of the file", () => {
  it.effect("may say that it is told of its tools, and of each candidate whether it is", () =>
    Effect.gen(function* () {
      const yaml = `providers: { a: { kind: openai, apiKey: k } }
models:
  small: { tools: prompt, candidates: [{ model: a/m }, { model: a/n, tools: native }] }`
      const { models } = yield* readFile(yaml)
      assert.deepInclude(models.get("small"), {
        tools: "prompt",
        candidates: [
          { model: "a/m", weight: 1 },
          { model: "a/n", weight: 1, tools: "native" }
        ]
      })
    })
  )

  it.effect("may say how often it is tried, and what its candidates cost", () =>
    Effect.gen(function* () {
      const yaml = `providers: { a: { kind: openai, apiKey: k } }
models:
  cheap:
    strategy: cheapest
    attempts: 3
    candidates: [{ model: a/m, price: { input: "0.1", output: "0.2", currency: RUB, per: 1000 } }, { model: a/n }]`
      const { models } = yield* readFile(yaml)
      const price = { input: "0.1", output: "0.2", cachedInput: undefined, currency: "RUB", per: 1000 }
      assert.deepInclude(models.get("cheap"), {
        attempts: 3,
        candidates: [
          { model: "a/m", weight: 1, price },
          { model: "a/n", weight: 1 }
        ]
      })
    })
  )
})
