import { Effect, Redacted } from "effect"
import type { Cluster, CommonRedisOptions, Redis } from "ioredis"

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
    // A server that hangs, or a network that swallows packets, keeps its connections open: silence while an answer is
    // due ends them.
    socketTimeout: purpose === "blocking" ? undefined : 2000,
    // A primary that became a replica: its name may lead to the new primary.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    lazyConnect: true
  }) satisfies CommonRedisOptions

/** ioredis is loaded here and only here: an instance without Redis does not pay for it. */
export const loadConnector = Effect.fn("RedisConnection.load")(function* (
  urls: readonly [Redacted.Redacted, ...ReadonlyArray<Redacted.Redacted>]
) {
  const { Cluster, Redis } = yield* Effect.promise(() => import("ioredis"))
  const [first, ...others] = urls
  return (purpose: Purpose): Connection => {
    const options = optionsFor(purpose)
    if (others.length === 0) return new Redis(Redacted.value(first), options)

    const { enableAutoPipelining, enableOfflineQueue, lazyConnect, retryStrategy, ...redisOptions } = options
    const { password, protocol, username } = new URL(Redacted.value(first))
    return new Cluster(
      urls.map((url) => Redacted.value(url)),
      {
        enableAutoPipelining,
        enableOfflineQueue,
        lazyConnect,
        clusterRetryStrategy: retryStrategy,
        clusterNodeRetryStrategy: retryStrategy,
        slotsRefreshInterval: 2000,
        redisOptions: {
          ...redisOptions,
          ...(username === "" ? {} : { username: decodeURIComponent(username) }),
          ...(password === "" ? {} : { password: decodeURIComponent(password) }),
          ...(protocol === "rediss:" ? { tls: {} } : {})
        },
        // A certificate names hosts: TLS needs them as they were announced, not as addresses.
        ...(protocol === "rediss:" ? { dnsLookup: (address, callback) => callback(null, address) } : {})
      }
    )
  }
})
