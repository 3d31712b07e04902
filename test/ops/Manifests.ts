import { Schema } from "effect"

/**
 * What `ops/kubernetes` uses of Kubernetes' API, by its own names. Decoded with excess properties as errors, so that a
 * misspelt key, which the API server drops or refuses, is found here.
 */

const optional = Schema.optionalKey
const Labels = Schema.Record(Schema.String, Schema.String)
const Selector = Schema.Struct({ matchLabels: Labels })
const PortRef = Schema.Union([Schema.Int, Schema.String])
/** `500m`, `256Mi`: a number as text would be read as well, but says nothing of its unit. */
const Quantity = Schema.String.check(Schema.isPattern(/^\d+(m|Ki|Mi|Gi)$/))
const Protocol = Schema.Literals(["TCP", "UDP"])

const manifest = <V extends string, K extends string, F extends Schema.Struct.Fields>(
  apiVersion: V,
  kind: K,
  fields: F
) =>
  Schema.Struct({
    apiVersion: Schema.Literal(apiVersion),
    kind: Schema.Literal(kind),
    metadata: Schema.Struct({ name: Schema.String, labels: optional(Labels) }),
    ...fields
  })

const HttpProbe = Schema.Struct({
  httpGet: Schema.Struct({ path: Schema.String, port: PortRef }),
  periodSeconds: Schema.Int,
  timeoutSeconds: optional(Schema.Int),
  failureThreshold: Schema.Int
})

const Container = Schema.Struct({
  name: Schema.String,
  image: Schema.String,
  ports: Schema.Array(Schema.Struct({ name: Schema.String, containerPort: Schema.Int })),
  envFrom: Schema.Array(
    Schema.Union([
      Schema.Struct({ configMapRef: Schema.Struct({ name: Schema.String }) }),
      Schema.Struct({ secretRef: Schema.Struct({ name: Schema.String }) })
    ])
  ),
  startupProbe: HttpProbe,
  readinessProbe: HttpProbe,
  livenessProbe: HttpProbe,
  resources: Schema.Struct({
    requests: Schema.Struct({ cpu: Quantity, memory: Quantity }),
    limits: Schema.Struct({ memory: Quantity })
  }),
  securityContext: Schema.Struct({
    allowPrivilegeEscalation: Schema.Literal(false),
    readOnlyRootFilesystem: Schema.Literal(true),
    capabilities: Schema.Struct({ drop: Schema.Tuple([Schema.Literal("ALL")]) })
  }),
  volumeMounts: Schema.Array(
    Schema.Struct({ name: Schema.String, mountPath: Schema.String, readOnly: optional(Schema.Boolean) })
  )
})

const PodSpec = Schema.Struct({
  terminationGracePeriodSeconds: Schema.Int,
  automountServiceAccountToken: Schema.Literal(false),
  enableServiceLinks: Schema.Literal(false),
  securityContext: Schema.Struct({
    runAsNonRoot: Schema.Literal(true),
    runAsUser: Schema.Int,
    runAsGroup: Schema.Int,
    fsGroup: Schema.Int,
    seccompProfile: Schema.Struct({ type: Schema.Literal("RuntimeDefault") })
  }),
  topologySpreadConstraints: Schema.Array(
    Schema.Struct({
      maxSkew: Schema.Int,
      topologyKey: Schema.String,
      whenUnsatisfiable: Schema.Literals(["ScheduleAnyway", "DoNotSchedule"]),
      labelSelector: Selector
    })
  ),
  containers: Schema.Tuple([Container]),
  volumes: Schema.Array(
    Schema.Union([
      Schema.Struct({ name: Schema.String, emptyDir: Schema.Struct({ sizeLimit: Quantity }) }),
      Schema.Struct({ name: Schema.String, configMap: Schema.Struct({ name: Schema.String }) })
    ])
  )
})

export const Deployment = manifest("apps/v1", "Deployment", {
  spec: Schema.Struct({
    selector: Selector,
    strategy: Schema.Struct({
      type: Schema.Literal("RollingUpdate"),
      rollingUpdate: Schema.Struct({ maxSurge: Schema.Int, maxUnavailable: Schema.Int })
    }),
    minReadySeconds: Schema.Int,
    template: Schema.Struct({ metadata: Schema.Struct({ labels: Labels }), spec: PodSpec })
  })
})

export const Namespace = manifest("v1", "Namespace", {})

export const ConfigMap = manifest("v1", "ConfigMap", { data: Schema.Record(Schema.String, Schema.String) })

export const Secret = manifest("v1", "Secret", {
  type: Schema.Literal("Opaque"),
  stringData: Schema.Record(Schema.String, Schema.String)
})

export const Service = manifest("v1", "Service", {
  spec: Schema.Struct({
    type: Schema.Literal("ClusterIP"),
    selector: Labels,
    ports: Schema.Array(Schema.Struct({ name: Schema.String, port: Schema.Int, targetPort: PortRef }))
  })
})

const Scaling = Schema.Struct({
  stabilizationWindowSeconds: Schema.Int,
  policies: Schema.Array(
    Schema.Struct({ type: Schema.Literals(["Pods", "Percent"]), value: Schema.Int, periodSeconds: Schema.Int })
  )
})

export const HorizontalPodAutoscaler = manifest("autoscaling/v2", "HorizontalPodAutoscaler", {
  spec: Schema.Struct({
    scaleTargetRef: Schema.Struct({ apiVersion: Schema.String, kind: Schema.String, name: Schema.String }),
    minReplicas: Schema.Int,
    maxReplicas: Schema.Int,
    metrics: Schema.Array(
      Schema.Struct({
        type: Schema.Literal("Resource"),
        resource: Schema.Struct({
          name: Schema.Literals(["cpu", "memory"]),
          target: Schema.Struct({ type: Schema.Literal("Utilization"), averageUtilization: Schema.Int })
        })
      })
    ),
    behavior: Schema.Struct({ scaleUp: Scaling, scaleDown: Scaling })
  })
})

export const PodDisruptionBudget = manifest("policy/v1", "PodDisruptionBudget", {
  spec: Schema.Struct({
    maxUnavailable: Schema.Int,
    unhealthyPodEvictionPolicy: Schema.Literals(["AlwaysAllow", "IfHealthyBudget"]),
    selector: Selector
  })
})

const Peer = Schema.Union([
  Schema.Struct({ namespaceSelector: Selector, podSelector: optional(Selector) }),
  Schema.Struct({ ipBlock: Schema.Struct({ cidr: Schema.String, except: optional(Schema.Array(Schema.String)) }) })
])
const PolicyPorts = Schema.Array(Schema.Struct({ protocol: Protocol, port: PortRef }))

export const NetworkPolicy = manifest("networking.k8s.io/v1", "NetworkPolicy", {
  spec: Schema.Struct({
    podSelector: Selector,
    policyTypes: Schema.Array(Schema.Literals(["Ingress", "Egress"])),
    ingress: Schema.Array(Schema.Struct({ from: Schema.Array(Peer), ports: PolicyPorts })),
    egress: Schema.Array(Schema.Struct({ to: Schema.Array(Peer), ports: PolicyPorts }))
  })
})

export const Kustomization = Schema.Struct({
  apiVersion: Schema.Literal("kustomize.config.k8s.io/v1beta1"),
  kind: Schema.Literal("Kustomization"),
  namespace: Schema.String,
  labels: Schema.Array(Schema.Struct({ pairs: Labels })),
  images: Schema.Array(
    Schema.Struct({ name: Schema.String, newName: optional(Schema.String), newTag: optional(Schema.String) })
  ),
  resources: Schema.Array(Schema.String)
})
