import { Effect, Redacted } from "effect"
import type { Cluster, ClusterOptions, CommonRedisOptions, Redis, RedisOptions } from "ioredis"

export type Connection = Redis | Cluster

/** What a connection is for decides what it does while Redis is away. */
export type Purpose = "commands" | "subscription" | "blocking"

/** From 50 ms to a second: a Redis that is back is found within that. */
const retryDelay = (attempt: number) => Math.min(2 ** attempt * 25, 1000)

const optionsFor = (purpose: Purpose) =>
  ({
    connectionName: "xrouter",
    connectTimeout: 1000,
    keepAlive: 10_000,
    // The callers of `blocking` hold a connection of their own: what happens to it is theirs to see.
    retryStrategy: purpose === "blocking" ? () => null : retryDelay,
    // A subscription waits and is made again; a command of a request must know at once, and must never be sent twice.
    enableOfflineQueue: purpose === "subscription",
    autoResendUnfulfilledCommands: purpose === "subscription",
    maxRetriesPerRequest: purpose === "subscription" ? null : 0,
    enableAutoPipelining: purpose === "commands",
    // Who calls a script has gathered what it asks, and would wait for another turn.
    autoPipeliningIgnoredCommands: ["evalsha"],
    // A server that hangs, or a network that swallows packets, keeps its connections open: silence while an answer is
    // due ends them.
    socketTimeout: purpose === "blocking" ? undefined : 2000,
    // A primary that became a replica: its name may lead to the new primary.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    lazyConnect: true
  }) satisfies CommonRedisOptions

/** ioredis is loaded here and only here: an instance without Redis does not pay for it. */
export const loadConnector = Effect.fn("RedisConnection.load")(function* (
  redacted: readonly [Redacted.Redacted, ...ReadonlyArray<Redacted.Redacted>]
) {
  const { Cluster, Redis } = yield* Effect.promise(() => import("ioredis"))
  const url = Redacted.value(redacted[0])
  const nodes = redacted.map((node) => new URL(Redacted.value(node)))
  const { protocol } = new URL(url)
  return (purpose: Purpose): Connection => {
    const options = optionsFor(purpose)
    if (protocol.includes("sentinel")) return new Redis(sentinelOptions(nodes, options))
    if (redacted.length === 1) return new Redis(url, options)
    return new Cluster(
      redacted.map((node) => Redacted.value(node)),
      clusterOptions(new URL(url), options)
    )
  }
})

type Options = ReturnType<typeof optionsFor>

const credentialsOf = ({ password, username }: URL) => ({
  ...(username === "" ? {} : { username: decodeURIComponent(username) }),
  ...(password === "" ? {} : { password: decodeURIComponent(password) })
})

const clusterOptions = (url: URL, options: Options) => {
  const { enableOfflineQueue, lazyConnect, retryStrategy, ...redisOptions } = options
  const isSecure = url.protocol === "rediss:"
  return {
    enableOfflineQueue,
    lazyConnect,
    clusterRetryStrategy: retryStrategy,
    clusterNodeRetryStrategy: retryStrategy,
    slotsRefreshInterval: 2000,
    // What may have been executed must not be sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    redisOptions: {
      ...redisOptions,
      ...credentialsOf(url),
      // Others than those that were refused are on their way there; where the primary is, the slots tell.
      reconnectOnError: null,
      // It belongs to the command after it, at once.
      autoPipeliningIgnoredCommands: ["asking"],
      ...(isSecure ? { tls: {} } : {})
    },
    // A certificate names hosts: TLS needs them as they were announced, not as addresses.
    ...(isSecure ? { dnsLookup: (address, callback) => callback(null, address) } : {})
  } satisfies ClusterOptions
}

const sentinelPort = 26_379

/** The first URL has what is Redis' own: its credentials, the database, and the name that the sentinels know the primary by. */
const sentinelOptions = (sentinels: ReadonlyArray<URL>, options: Options) => {
  const [first = new URL("redis-sentinel://localhost")] = sentinels
  const isSecure = first.protocol === "rediss-sentinel:"
  return {
    ...options,
    ...credentialsOf(first),
    db: Number(first.pathname.slice(1)),
    name: first.searchParams.get("master") ?? "",
    sentinels: sentinels.map(({ hostname, port }) => ({
      host: hostname,
      port: port === "" ? sentinelPort : Number(port)
    })),
    sentinelRetryStrategy: options.retryStrategy,
    ...(isSecure ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {})
  } satisfies RedisOptions
}
