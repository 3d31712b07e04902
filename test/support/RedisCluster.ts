import { Clock, Context, Effect, Layer, Redacted, Scope } from "effect"
import * as Redis from "effect/persistence/Redis"
import { layerUrls } from "../../src/storage/Redis.ts"
import { eventually } from "./Eventually.ts"
import { type RedisServer, startRedis } from "./Redis.ts"

const slots = 16_384

type Send = Redis.Redis["Service"]["send"]

export interface ClusterNode extends RedisServer {
  readonly id: string
  /** A connection to this node alone. */
  readonly send: Send
}

/** Three primaries, each with a third of the slots; gone when the scope closes. */
export interface RedisCluster {
  readonly urls: ReadonlyArray<string>
  readonly nodes: readonly [ClusterNode, ClusterNode, ClusterNode]
  /**
   * Moves a slot as `redis-cli --cluster reshard` does, but key by key, so that halves of a subject lie on both nodes.
   * `meanwhile` runs after each step.
   */
  readonly moveSlot: (
    slot: number,
    from: ClusterNode,
    to: ClusterNode,
    meanwhile?: Effect.Effect<unknown>
  ) => Effect.Effect<void>
  /** A copy of a node that has caught up with it. */
  readonly addReplica: (of: ClusterNode) => Effect.Effect<ClusterNode, unknown, Scope.Scope>
}

const startNode = Effect.gen(function* () {
  const server = yield* startRedis({
    args: ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"]
  })
  const redis = Context.get(
    yield* Layer.build(Layer.fresh(layerUrls([Redacted.make(server.url)], { patienceMillis: 10_000 }))),
    Redis.Redis
  )
  return { ...server, id: yield* redis.send<string>("cluster", "myid"), send: redis.send } satisfies ClusterNode
})

const knows = (node: ClusterNode, nodes: number) =>
  eventually(
    Effect.map(
      node.send<string>("cluster", "info"),
      (info) => info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${nodes}`)
    )
  )

export const startRedisCluster = Effect.gen(function* () {
  const nodes = yield* Effect.all([startNode, startNode, startNode])
  for (const [index, { send }] of nodes.entries()) {
    const first = Math.ceil((slots / 3) * index)
    const last = Math.ceil((slots / 3) * (index + 1)) - 1
    yield* send("cluster", "addslotsrange", `${first}`, `${last}`)
    for (const { port } of nodes) yield* send("cluster", "meet", "127.0.0.1", `${port}`)
  }
  for (const node of nodes) yield* knows(node, 3)

  const cluster: RedisCluster = {
    urls: nodes.map(({ url }) => url),
    nodes,
    moveSlot: Effect.fn(function* (slot, from, to, meanwhile = Effect.void) {
      const set = (node: ClusterNode, ...words: ReadonlyArray<string>) =>
        Effect.andThen(node.send("cluster", "setslot", `${slot}`, ...words), meanwhile)
      yield* set(to, "importing", from.id)
      yield* set(from, "migrating", to.id)
      const next = from.send<ReadonlyArray<string>>("cluster", "getkeysinslot", `${slot}`, "1")
      for (let keys = yield* next; keys.length > 0; keys = yield* next) {
        yield* from.send("migrate", "127.0.0.1", `${to.port}`, "", "0", "5000", "keys", ...keys)
        yield* meanwhile
      }
      yield* set(to, "node", to.id)
      yield* set(from, "node", to.id)
    }, Effect.orDie),
    addReplica: Effect.fn(function* (of) {
      const replica = yield* startNode
      yield* replica.send("cluster", "meet", "127.0.0.1", `${of.port}`)
      yield* knows(replica, 4)
      for (const node of nodes) yield* knows(node, 4)
      yield* replica.send("cluster", "replicate", of.id)
      yield* eventually(
        Effect.map(replica.send<string>("info", "replication"), (info) => info.includes("master_link_status:up"))
      )
      for (const node of nodes) {
        const replicas = node.send<ReadonlyArray<string>>("cluster", "replicas", of.id)
        yield* eventually(Effect.map(replicas, (known) => known.length === 1))
      }
      return replica
    })
  }
  return cluster
})

let shared: Effect.Effect<RedisCluster, unknown> | undefined

/** The one that the files of a test worker share, since a cluster takes seconds to come up; it ends with the worker. */
export const sharedRedisCluster = Effect.suspend(() => {
  shared ??= startRedisCluster.pipe(
    Scope.provide(Scope.makeUnsafe()),
    // Whatever the clock of the test that comes first.
    Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
    Effect.cached,
    Effect.runSync
  )
  return shared
})
