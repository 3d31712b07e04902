import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { faultsOf, read, readFile } from "./reading.ts"

const faultsOfFile = (yaml: string, environment: Record<string, string> = {}) =>
  faultsOf(environment, { "xrouter.yaml": yaml })

describe("the file", () => {
  it.effect("holds what a structure is, references to the environment inside braces included", () =>
    Effect.gen(function* () {
      const { modelLimits, models, providers, tiers } = yield* readFile(
        `
providers:                       # beside the three that the environment configures
  cloudru: { kind: openai, baseUrl: https://cloud.example/v1, apiKey: \${CLOUDRU_API_KEY}, caBundleFile: ca.pem, concurrency: 10 }
models:
  smart:
    candidates:
      - { model: gigachat/GigaChat-2-Max, weight: 3 }
      - { model: yandexgpt/yandexgpt }
    fallbacks: [cloudru/some/model]
    strategy: weighted
    timeouts: { connect: 5 seconds, firstToken: 300 millis, idle: 60 seconds, total: 10 minutes }
    price: { input: "0.20", output: 0.20, cachedInput: "0.05", currency: RUB, per: 1000 }
  plain: { candidates: [{ model: cloudru/x }] }
tiers:
  free: { rpm: 5 }
  gold: { tpm: 100000 }
limits: { gigachat/GigaChat-2-Max: { tpm: 100000, tpd: 1000000 } }
`,
        {
          CLOUDRU_API_KEY: "sk: {x} # y",
          GIGACHAT_CREDENTIALS: "a2V5",
          YANDEX_API_KEY: "AQVN",
          YANDEX_FOLDER_ID: "b1g"
        },
        { "ca.pem": "" }
      )
      assert.deepStrictEqual(providers.get("cloudru"), {
        kind: "openai",
        baseUrl: "https://cloud.example/v1",
        apiKey: Redacted.make("sk: {x} # y"),
        caBundleFile: "ca.pem",
        concurrency: 10
      })
      assert.deepStrictEqual([...providers.keys()], ["gigachat", "yandexgpt", "cloudru"])
      assert.deepStrictEqual(models.get("smart"), {
        candidates: [
          { model: "gigachat/GigaChat-2-Max", weight: 3 },
          { model: "yandexgpt/yandexgpt", weight: 1 }
        ],
        fallbacks: ["cloudru/some/model"],
        strategy: "weighted",
        timeouts: {
          connect: Duration.seconds(5),
          firstToken: Duration.millis(300),
          idle: Duration.minutes(1),
          total: Duration.minutes(10)
        },
        price: { input: "0.20", output: "0.20", cachedInput: "0.05", currency: "RUB", per: 1000 }
      })
      assert.deepStrictEqual(models.get("plain"), {
        candidates: [{ model: "cloudru/x", weight: 1 }],
        fallbacks: [],
        strategy: "weighted",
        timeouts: {},
        price: undefined
      })
      assert.deepStrictEqual(Object.fromEntries(tiers), {
        free: { rpm: 5 },
        pro: { rpm: 100, rpd: 1000, concurrency: 20 },
        enterprise: {},
        gold: { tpm: 100_000 }
      })
      assert.deepStrictEqual(Object.fromEntries(modelLimits), {
        "gigachat/GigaChat-2-Max": { tpm: 100_000, tpd: 1_000_000 }
      })
    })
  )

  it.effect("may be missing, empty, or have sections with nothing in them", () =>
    Effect.gen(function* () {
      const expected = yield* read({})
      for (const yaml of ["", "# nothing\n", "{}", "providers:\nmodels:\n  # smart: …\ntiers:\nlimits:\n"]) {
        assert.deepStrictEqual(yield* readFile(yaml), expected)
      }
    })
  )

  it.effect("is the one that XROUTER_CONFIG names, which must be there", () =>
    Effect.gen(function* () {
      const environment = { XROUTER_CONFIG: "/etc/xrouter.yaml" }
      const files = { "/etc/xrouter.yaml": "tiers: { gold: {} }", "xrouter.yaml": "not read" }
      assert.isTrue((yield* read(environment, files)).tiers.has("gold"))
      assert.deepStrictEqual(yield* faultsOf(environment), [
        "XROUTER_CONFIG: Expected a file that can be read: NotFound"
      ])
    })
  )

  it.effect("lets parts be written once, with anchors and merge keys", () =>
    Effect.gen(function* () {
      const { models } = yield* readFile(`
models:
  a: &a { candidates: &list [{ model: sandbox/echo }], strategy: ordered }
  b: { candidates: *list }
  c: { <<: *a, strategy: fastest }
`)
      assert.deepStrictEqual(models.get("b")?.candidates, models.get("a")?.candidates)
      assert.strictEqual(models.get("c")?.strategy, "fastest")
      assert.deepStrictEqual(models.get("c")?.candidates, models.get("a")?.candidates)
    })
  )
})

describe("references to the environment", () => {
  it.effect("may stand for a part of a text and for a number, and keep what they stand for as it is", () =>
    Effect.gen(function* () {
      const { providers, tiers } = yield* readFile(
        'providers:\n  a:\n    kind: openai\n    baseUrl: "https://${HOST}/v1"\n    apiKey: a$${HOST}${KEY}\ntiers: { free: { rpm: ${RPM} } }',
        { HOST: "a.example", KEY: "${RPM}: 1", RPM: "7" }
      )
      assert.deepInclude(providers.get("a"), {
        baseUrl: "https://a.example/v1",
        apiKey: Redacted.make("a${HOST}${RPM}: 1")
      })
      assert.deepStrictEqual(tiers.get("free"), { rpm: 7 })
    })
  )

  it.effect("to what is not set, or that are none, are faults, once each", () =>
    Effect.gen(function* () {
      const faults = yield* faultsOfFile(
        'providers:\n  a: { kind: openai, baseUrl: ${GONE}, apiKey: "${two words}" }\ntiers:\n  ${NAME}: {}\n',
        { GONE: "", NAME: "gold" }
      )
      assert.deepStrictEqual(faults.slice(0, 3), [
        "xrouter.yaml:2: ${GONE} is not set in the environment",
        "xrouter.yaml:2: Expected the name of a variable between ${ and }; $${ stands for ${ itself",
        "xrouter.yaml:4: Expected a key as it is, only values may read the environment"
      ])
    })
  )

  it.effect("in comments are comments", () =>
    Effect.gen(function* () {
      assert.isTrue((yield* readFile("tiers: { gold: {} } # ${GONE}")).tiers.has("gold"))
    })
  )
})

describe("what is wrong in the file", () => {
  const cases: ReadonlyArray<readonly [name: string, yaml: string, faults: ReadonlyArray<string>]> = [
    ["a list instead of a map", "- a", ["xrouter.yaml:1: Expected a map"]],
    [
      "an unknown section",
      "provider: {}",
      ["xrouter.yaml:1 provider: Expected one of providers, models, tiers, limits"]
    ],
    ["a section that is no map", "tiers: [free]", ["xrouter.yaml:1 tiers: Expected a map"]],
    ["a key written twice", "tiers: {}\ntiers: {}", ["xrouter.yaml:2: Map keys must be unique"]],
    ["two documents", "tiers: {}\n---\ntiers: {}", ["xrouter.yaml:2: Source contains multiple documents"]],
    [
      "a list that is not closed",
      "a: [1",
      ["xrouter.yaml:1: Flow sequence in block collection must be sufficiently indented and end with a"]
    ],
    [
      "an alias of nothing",
      "tiers: *nope",
      ["xrouter.yaml: Expected each alias to follow its anchor, and not too many of them"]
    ],
    ["a tag", "tiers: !foo {}", ["xrouter.yaml:1: Unresolved tag"]],
    [
      "an unknown kind",
      "providers: { a: { kind: claude } }",
      ["xrouter.yaml:1 providers.a: Expected a provider whose kind is openai, gigachat or yandexgpt"]
    ],
    [
      "an unknown key of a provider",
      "providers:\n  a:\n    kind: openai\n    apiKey: k\n    url: x",
      ["xrouter.yaml:5 providers.a.url: is not a known key"]
    ],
    [
      "a provider's name in capitals",
      "providers: { Cloud: { kind: openai, apiKey: k } }",
      ["xrouter.yaml:1 providers.Cloud: Expected a name of small letters, digits and hyphens"]
    ],
    [
      "the sandbox's name",
      "providers: { sandbox: { kind: openai, apiKey: k } }",
      ["xrouter.yaml:1 providers.sandbox: Expected another name, this one is the sandbox's"]
    ],
    ["an alias without candidates", "models: { a: {} }", ["xrouter.yaml:1 models.a.candidates: is required"]],
    [
      "an empty list of candidates",
      "models: { a: { candidates: [] } }",
      ["xrouter.yaml:1 models.a.candidates[0]: is required"]
    ],
    [
      "a candidate without a provider",
      "models: { a: { candidates: [{ model: echo }] } }",
      ["xrouter.yaml:1 models.a.candidates[0].model: Expected provider/model"]
    ],
    [
      "a candidate and a fallback of providers that are not there",
      "models:\n  a:\n    candidates:\n      - model: gigachat/x\n    fallbacks:\n      - sandbox/echo\n      - other/y",
      [
        "xrouter.yaml:4 models.a.candidates[0].model: Expected a model of a configured provider (sandbox)",
        "xrouter.yaml:7 models.a.fallbacks[1]: Expected a model of a configured provider (sandbox)"
      ]
    ],
    [
      "a weight of zero",
      "models: { a: { candidates: [{ model: sandbox/echo, weight: 0 }] } }",
      ["xrouter.yaml:1 models.a.candidates[0].weight: Expected a number above 0"]
    ],
    [
      "an unknown strategy",
      "models: { a: { candidates: [{ model: sandbox/echo }], strategy: best } }",
      ["xrouter.yaml:1 models.a.strategy: Expected one of weighted, ordered, fastest, cheapest"]
    ],
    [
      "an unknown way to tools",
      "models: { a: { candidates: [{ model: sandbox/echo, tools: none }], tools: words } }",
      [
        "xrouter.yaml:1 models.a.candidates[0].tools: Expected one of native, prompt",
        "xrouter.yaml:1 models.a.tools: Expected one of native, prompt"
      ]
    ],
    [
      "the strategy cheapest without a price",
      "models: { a: { candidates: [{ model: sandbox/echo }], strategy: cheapest } }",
      ["xrouter.yaml:1 models.a.price: is required by the strategy cheapest"]
    ],
    [
      "a price in words",
      "models: { a: { candidates: [{ model: sandbox/echo }], price: { input: cheap, output: '-1', currency: rubles, per: 0 } } }",
      [
        "xrouter.yaml:1 models.a.price.input: Expected a decimal number such as 0.20",
        "xrouter.yaml:1 models.a.price.output: Expected a decimal number such as 0.20",
        "xrouter.yaml:1 models.a.price.currency: Expected a currency code such as RUB",
        "xrouter.yaml:1 models.a.price.per: Expected a whole number, at least 1"
      ]
    ],
    [
      "an alias that hides a provider's model",
      "models: { sandbox/echo: { candidates: [{ model: sandbox/story }] } }",
      ["xrouter.yaml:1 models.sandbox/echo: Expected another name, this one is a model of the provider sandbox"]
    ],
    [
      "a tier whose name cannot stand in a key",
      "tiers: { my-tier: {} }",
      ["xrouter.yaml:1 tiers.my-tier: Expected a name of small letters, digits and underscores"]
    ],
    [
      "a limit of zero",
      "tiers: { free: { rpm: 0 } }",
      ["xrouter.yaml:1 tiers.free.rpm: Expected a whole number, at least 1"]
    ],
    [
      "limits of a model without its provider",
      "limits: { GigaChat: { tpm: 1 } }",
      ["xrouter.yaml:1 limits.GigaChat: Expected provider/model"]
    ]
  ]

  for (const [name, yaml, expected] of cases) {
    it.effect(`${name} is told with its place`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* faultsOfFile(yaml), expected)
      })
    )
  }

  it.effect("does not blame others for a provider that has faults itself", () =>
    Effect.gen(function* () {
      const faults = yield* faultsOfFile(
        "providers: { a: { kind: openai } }\nmodels: { m: { candidates: [{ model: a/x }] } }"
      )
      assert.deepStrictEqual(faults, ["xrouter.yaml:1 providers.a: Expected apiKey, baseUrl or both"])
    })
  )
})
