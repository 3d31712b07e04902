import { Context, Effect, Layer, type Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import type { Cluster } from "ioredis"
import { ConfigError } from "../config/Faults.ts"
import { Settings } from "../config/Settings.ts"
import { type Connection, loadConnector, type Purpose } from "./RedisConnection.ts"
import { Patience, patienceMillis } from "./RedisPatience.ts"
import { routed } from "./RedisRouting.ts"
import { RedisSlots, slotOf } from "./RedisSlots.ts"
import { follow, RedisSubscriptions } from "./RedisSubscriptions.ts"

/**
 * Redis of `REDIS_URL` behind the `Redis` service of `effect/persistence` and `RedisSubscriptions`, by ioredis. A server
 * that is away does not fail the layer: commands fail at once, or within `patienceMillis` where it hangs, until it is
 * back. One that refuses our credentials, or that we cannot trust, does fail it, since waiting would not help.
 */
export const layer = Layer.unwrap(Effect.map(Settings, ({ redisUrls }) => layerUrls(redisUrls)))

/** One URL, or those of some nodes of a cluster, or of some sentinels. */
export const layerUrls = (urls: ReadonlyArray<Redacted.Redacted>, options: RedisOptions = {}) =>
  Layer.effectContext(make(urls, options))

export interface RedisOptions {
  /** How long a command waits for its answer; `patienceMillis` where it is not given. */
  readonly patienceMillis?: number
}

const misconfigured = (message: string) => new ConfigError({ faults: [{ at: "REDIS_URL", message }] })

const make = Effect.fn("Redis.make")(function* (urls: ReadonlyArray<Redacted.Redacted>, options: RedisOptions) {
  const [first, ...others] = urls
  if (first === undefined) return yield* misconfigured("is not set")
  const fork = Effect.runForkWith(yield* Effect.context())
  const connect = yield* loadConnector([first, ...others])
  const patience = new Patience(options.patienceMillis ?? patienceMillis, fork)
  const log = watcher((effect) => void fork(effect))

  const open = (purpose: Purpose) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const connection = connect(purpose)
        log.watch(connection)
        return connection
      }),
      (connection) => Effect.sync(() => close(connection))
    )
  const close = (connection: Connection) => {
    log.unwatch(connection)
    connection.disconnect()
  }

  const shared = yield* open("commands")
  const send = sendOn(shared, patience)
  // Settlements that nobody waits for are on their way when the process ends; an answer to this comes after theirs.
  yield* Effect.addFinalizer(() => Effect.ignore(send("ping")))
  yield* firstContact(shared)

  const followed: RedisSubscriptions["Service"]["follow"] = (channel, follower) =>
    Effect.flatMap(open("subscription"), (connection) => follow(connection, channel, follower))

  const redis = yield* Redis.make({
    send,
    connect: Effect.suspend(() => {
      const connection = connect("blocking")
      log.watch(connection)
      return Effect.tryPromise({
        try: () => connection.connect(),
        catch: (cause) => {
          close(connection)
          return new Redis.RedisError({ cause: new Error(reasonOf(cause)) })
        }
      }).pipe(Effect.as({ send: sendOn(connection), close: Effect.sync(() => close(connection)) }))
    }),
    subscribe: (channel, onMessage) =>
      Effect.as(
        followed(channel, { onMessage: (message) => onMessage({ channel, message }), onStanding: () => undefined }),
        // Nothing to fail with: it is made again after each loss.
        Effect.never
      )
  })
  return Context.make(Redis.Redis, redis).pipe(
    Context.add(RedisSubscriptions, { follow: followed }),
    Context.add(RedisSlots, "nodes" in shared ? slotOf : undefined)
  )
})

/** Redis leaves the type of an answer to whoever knows the command; there is nothing here to check it against. */
const isAnswer = <A>(answer: unknown): answer is A => answer !== undefined

const sendOn = (connection: Connection, patience?: Patience) => {
  const answered = <A>(command: string, call: () => Promise<unknown>): Effect.Effect<A, Redis.RedisError> =>
    Effect.callback((resume) => {
      const fail = (message: string) => resume(Effect.fail(new Redis.RedisError({ cause: new Error(message) })))
      const waiting = patience?.wait(() => fail(`No answer to ${command} within ${patience?.millis} ms`))
      call().then(
        (answer) => {
          waiting?.done()
          if (isAnswer<A>(answer)) resume(Effect.succeed(answer))
          else fail(`Nobody there to answer ${command}`)
        },
        (cause) => {
          waiting?.done()
          // The error of ioredis holds the command's arguments; what is logged of it must not.
          fail(reasonOf(cause))
        }
      )
    })

  return <A = unknown>(command: string, ...args: ReadonlyArray<string>): Effect.Effect<A, Redis.RedisError> => {
    // Lower case is what ioredis compares with its list of commands that must not share a pipeline.
    const name = command.toLowerCase()
    if (!("nodes" in connection)) return answered(name, () => connection.call(name, ...args))
    if (name === "script") return answered(name, () => callAll(connection, name, args))
    if (name !== "evalsha" && name !== "eval") return answered(name, () => connection.call(name, ...args))
    return routed(connection, name, args, (call) => answered(name, call))
  }
}

/** Each primary of a cluster keeps scripts of its own, and any of them may be asked next; one that is away must not matter. */
const callAll = (cluster: Cluster, name: string, args: ReadonlyArray<string>): Promise<unknown> =>
  Promise.any(cluster.nodes("master").map((node) => node.call(name, ...args)))

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "unknown"
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0])
  if ("lastNodeError" in cause && cause.lastNodeError instanceof Error) return reasonOf(cause.lastNodeError)
  // ioredis names the option that makes it so; whoever reads a log wants to know what is the matter.
  if (cause.message.startsWith("Stream isn't writeable")) return "there is no connection"
  if (cause.message !== "") return cause.message
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name
}

/** What no wait will mend: credentials, rights, a database that is not there, a certificate that we cannot trust. */
const refusalOf = (cause: unknown): string | undefined => {
  const reason = reasonOf(cause)
  if (/^(WRONGPASS|NOAUTH|NOPERM|ERR (AUTH|invalid password|DB index))/.test(reason)) {
    return `Redis refuses the connection: ${reason}`
  }
  return /self-signed certificate|unable to verify the first certificate|unable to get (local )?issuer certificate/.test(
    reason
  )
    ? `Redis shows a certificate of an authority that is not known here (${reason}); NODE_EXTRA_CA_CERTS names a file of further ones`
    : reason.includes("does not match certificate")
      ? `Redis shows a certificate of another host: ${reason}`
      : undefined
}

/** Waits for the first connection, but only as long as a start may take: Redis may come later. */
const firstContact = (connection: Connection) =>
  Effect.callback<void, ConfigError>((resume) => {
    const onReady = () => resume(Effect.void)
    const onError = (cause: unknown) => {
      const refusal = refusalOf(cause)
      resume(refusal === undefined ? Effect.void : Effect.fail(misconfigured(refusal)))
    }
    connection.once("ready", onReady)
    connection.once("error", onError)
    // How it ends is told by the events.
    connection.connect().catch(() => undefined)
    return Effect.sync(() => {
      connection.off("ready", onReady)
      connection.off("error", onError)
    })
  }).pipe(Effect.timeoutOption("1 second"))

/** Tells the log when Redis goes and when it is back, once each, whatever the number of connections and attempts. */
const watcher = (run: (effect: Effect.Effect<void>) => void) => {
  let away = false
  const onReady = () => {
    if (away) run(Effect.logInfo("Redis answers again"))
    away = false
  }
  const lost = (reason: string) => {
    if (!away) run(Effect.logWarning(`Redis cannot be reached: ${reason}`))
    away = true
  }
  const onError = (cause: unknown) => lost(reasonOf(cause))
  const onClose = () => lost("the connection was closed")
  return {
    watch: (connection: Connection) => connection.on("ready", onReady).on("error", onError).on("close", onClose),
    unwatch: (connection: Connection) => {
      connection.off("ready", onReady).off("error", onError).off("close", onClose)
      // Without a listener ioredis writes errors to the console.
      connection.on("error", () => undefined)
    }
  }
}
