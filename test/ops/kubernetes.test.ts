import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Redacted, Schema } from "effect"
import { HttpApi } from "effect/http-api"
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import { gigachatDefaults, openaiDefaults, yandexgptDefaults } from "../../src/config/Defaults.ts"
import { readSettings } from "../../src/config/ReadSettings.ts"
import { sections } from "../../src/config/Variables.ts"
import { Api } from "../../src/gateway/Api.ts"
import * as Manifests from "./Manifests.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = join(root, "ops/kubernetes")
const document = (name: string): unknown => parse(readFileSync(join(folder, `${name}.yaml`), "utf8"), { strict: true })

const decoded = <A>(schema: Schema.Decoder<A>, value: unknown): A =>
  Schema.decodeUnknownSync(schema, { onExcessProperty: "error", errors: "all" })(value)

const kustomization = decoded(Manifests.Kustomization, document("kustomization"))
const namespace = decoded(Manifests.Namespace, document("namespace"))
const configMap = decoded(Manifests.ConfigMap, document("configmap"))
const files = decoded(Manifests.ConfigMap, document("files"))
const secret = decoded(Manifests.Secret, document("secret.example"))
const deployment = decoded(Manifests.Deployment, document("deployment"))
const service = decoded(Manifests.Service, document("service"))
const autoscaler = decoded(Manifests.HorizontalPodAutoscaler, document("horizontalpodautoscaler"))
const budget = decoded(Manifests.PodDisruptionBudget, document("poddisruptionbudget"))
const policy = decoded(Manifests.NetworkPolicy, document("networkpolicy"))

const { rollingUpdate } = deployment.spec.strategy
const pod = deployment.spec.template.spec
const [container] = pod.containers
const podLabels = deployment.spec.template.metadata.labels

const variables = new Set(sections.flatMap((section) => Object.values(section.variables).map(({ name }) => name)))

const secretValues = {
  DATABASE_URL: "postgres://xrouter:password@c-1.rw.example.net:6432/xrouter?sslmode=verify-full",
  REDIS_URL: "rediss://:password@c-2.rw.example.net:6380",
  XROUTER_ADMIN_KEY: randomBytes(32).toString("hex"),
  XROUTER_JWT_SECRETS: `k1:${randomBytes(32).toString("base64")}`
}

/** As a pod reads them; the mounted file is the one of the ConfigMap. */
const settings = Effect.gen(function* () {
  const path = join(folder, "files.yaml")
  assert.deepStrictEqual(Object.keys(files.data), ["xrouter.yaml"])
  const environment = { ...configMap.data, ...secretValues, XROUTER_CONFIG: "" }
  assert.isObject(parse(files.data["xrouter.yaml"] ?? "", { strict: true }), path)
  return yield* readSettings().pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: environment })),
    Effect.provide(NodeFileSystem.layer)
  )
})

describe("ops/kubernetes", () => {
  it("has all its manifests among the resources, but the example of a Secret", () => {
    const there = readdirSync(folder)
      .filter((file) => file.endsWith(".yaml"))
      .filter((file) => file !== "kustomization.yaml" && file !== "secret.example.yaml")
    assert.deepStrictEqual([...kustomization.resources].toSorted(), there.toSorted())
    assert.strictEqual(namespace.metadata.name, kustomization.namespace)
  })

  it("would be refused with a misspelt key or a number without a unit", () => {
    const change = (from: string, to: string) => {
      const text = readFileSync(join(folder, "deployment.yaml"), "utf8")
      assert.include(text, from)
      return () => decoded(Manifests.Deployment, parse(text.replace(from, to)))
    }
    assert.throws(change("readinessProbe:", "readynessProbe:"))
    assert.throws(change("periodSeconds: 2", "periodSecond: 2"))
    assert.throws(change("memory: 768Mi", "memory: 768"))
    assert.throws(change("runAsNonRoot: true", "runAsNonRoot: false"))
    change("memory: 768Mi", "memory: 1Gi")()
  })

  it("sets variables that the gateway has, and secrets only in the Secret", () => {
    for (const name of [...Object.keys(configMap.data), ...Object.keys(secret.stringData)]) {
      assert.isTrue(variables.has(name), name)
    }
    const shared = Object.keys(configMap.data).filter((name) => name in secret.stringData)
    assert.deepStrictEqual(shared, [])
    for (const [name, value] of Object.entries(secret.stringData)) assert.strictEqual(value, "", name)
    const secrets = /KEY$|SECRETS?$|TOKEN$|CREDENTIALS$|^(DATABASE|REDIS)_URL$/
    assert.deepStrictEqual(
      Object.keys(configMap.data).filter((name) => secrets.test(name)),
      []
    )
  })

  it.effect("is a configuration that the gateway starts with, and not without its secrets", () =>
    Effect.gen(function* () {
      const { databaseUrl, host, port, redisUrls } = yield* settings
      assert.strictEqual(host, "0.0.0.0")
      assert.strictEqual(port, container.ports[0]?.containerPort)
      assert.strictEqual(databaseUrl && Redacted.value(databaseUrl), secretValues.DATABASE_URL)
      assert.lengthOf(redisUrls, 1)
      const empty = yield* Effect.flip(
        readSettings().pipe(
          Effect.provideService(
            ConfigProvider.ConfigProvider,
            ConfigProvider.fromEnv({ env: { ...secret.stringData, DATABASE_URL: secretValues.DATABASE_URL } })
          ),
          Effect.provide(NodeFileSystem.layer)
        )
      )
      assert.include(empty.message, "XROUTER_JWT_SECRETS")
    })
  )

  it.effect("gives a pod more time to end than its answers have to finish", () =>
    Effect.gen(function* () {
      const { drainTimeout } = yield* settings
      assert.isAtLeast(pod.terminationGracePeriodSeconds, Duration.toSeconds(drainTimeout) + 15)
    })
  )

  it.effect("divides the limits by as many pods as there can be, while a rollout adds some", () =>
    Effect.gen(function* () {
      const { expectedInstances, onRedisFailure } = yield* settings
      assert.strictEqual(onRedisFailure, "share")
      assert.strictEqual(expectedInstances, autoscaler.spec.maxReplicas + rollingUpdate.maxSurge)
    })
  )

  it("probes paths that the gateway serves to anyone: life by the process alone, readiness by what it can do", () => {
    const paths = new Set<string>()
    HttpApi.reflect(Api, {
      onGroup: () => {},
      onEndpoint: ({ endpoint }) => endpoint.method === "GET" && paths.add(endpoint.path)
    })
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      assert.isTrue(paths.has(probe.httpGet.path), probe.httpGet.path)
      assert.strictEqual(probe.httpGet.port, container.ports[0]?.name)
    }
    assert.strictEqual(container.readinessProbe.httpGet.path, "/health/ready")
    assert.strictEqual(container.livenessProbe.httpGet.path, "/health/live")
    assert.strictEqual(container.startupProbe.httpGet.path, "/health/live")
    // A start may have migrations to wait for.
    assert.isAtLeast(container.startupProbe.periodSeconds * container.startupProbe.failureThreshold, 60)
  })

  it("names one set of pods everywhere", () => {
    const selectors = [
      deployment.spec.selector.matchLabels,
      service.spec.selector,
      budget.spec.selector.matchLabels,
      policy.spec.podSelector.matchLabels,
      ...pod.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels)
    ]
    for (const selector of selectors) assert.deepStrictEqual(selector, podLabels)
    assert.deepStrictEqual(autoscaler.spec.scaleTargetRef, {
      apiVersion: deployment.apiVersion,
      kind: deployment.kind,
      name: deployment.metadata.name
    })
    assert.strictEqual(service.spec.ports[0]?.targetPort, container.ports[0]?.name)
    assert.deepStrictEqual(
      policy.spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port)),
      container.ports.map(({ name }) => name)
    )
  })

  it("keeps some pods through a rollout, a drained node and the night", () => {
    assert.strictEqual(rollingUpdate.maxUnavailable, 0)
    assert.isAtLeast(rollingUpdate.maxSurge, 1)
    assert.isAbove(autoscaler.spec.minReplicas, budget.spec.maxUnavailable)
    assert.isAbove(autoscaler.spec.maxReplicas, autoscaler.spec.minReplicas)
    // No pod goes before the one that went last has had its time.
    const [down] = autoscaler.spec.behavior.scaleDown.policies
    assert.isAtLeast(down?.periodSeconds ?? 0, pod.terminationGracePeriodSeconds)
  })

  it("takes the environment from its ConfigMap and its Secret, and mounts volumes that there are", () => {
    assert.deepStrictEqual(container.envFrom, [
      { configMapRef: { name: configMap.metadata.name } },
      { secretRef: { name: secret.metadata.name } }
    ])
    const volumes = new Map(pod.volumes.map((volume) => [volume.name, volume]))
    assert.deepStrictEqual(container.volumeMounts.map(({ name }) => name).toSorted(), [...volumes.keys()].toSorted())
    const mounted = Object.fromEntries(container.volumeMounts.map(({ mountPath, name }) => [name, mountPath]))
    assert.strictEqual(mounted["data"], configMap.data["XROUTER_DATA_DIR"])
    assert.strictEqual(`${mounted["files"]}/xrouter.yaml`, configMap.data["XROUTER_CONFIG"])
    assert.deepStrictEqual(volumes.get("files"), { name: "files", configMap: { name: files.metadata.name } })
  })

  it("runs as the image's user", () => {
    const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8")
    // `node` of the official image.
    assert.match(dockerfile, /^USER node$/m)
    assert.deepStrictEqual(
      [pod.securityContext.runAsUser, pod.securityContext.runAsGroup, pod.securityContext.fsGroup],
      [1000, 1000, 1000]
    )
    assert.deepStrictEqual(
      kustomization.images.map(({ name }) => name),
      [container.image]
    )
    assert.include(dockerfile, `XROUTER_DATA_DIR=${configMap.data["XROUTER_DATA_DIR"]}`)
  })

  it("lets the gateway reach names, its stores and the providers, and nothing else", () => {
    const egress = policy.spec.egress.map(({ ports }) => ports.map(({ port }) => port))
    assert.deepStrictEqual(policy.spec.policyTypes, ["Ingress", "Egress"])
    const [names, stores = [], world = []] = egress
    assert.deepStrictEqual(names, [53, 53])
    for (const url of [secretValues.DATABASE_URL, secretValues.REDIS_URL])
      assert.include(stores, Number(new URL(url).port))
    const upstreams = [...Object.values(gigachatDefaults), ...Object.values(yandexgptDefaults), openaiDefaults.baseUrl]
    const ports = upstreams
      .filter((value) => value.startsWith("https://"))
      .map((value) => Number(new URL(value).port === "" ? 443 : new URL(value).port))
    assert.deepStrictEqual([...new Set(ports)].toSorted(), [...world].toSorted())
    // Not even the cloud's metadata service.
    const [everywhere] = policy.spec.egress[2]?.to ?? []
    assert.isTrue(
      everywhere !== undefined && "ipBlock" in everywhere && everywhere.ipBlock.except?.includes("169.254.0.0/16")
    )
  })
})
