import { Effect, Layer, type Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { ConfigError } from "../config/Faults.ts"
import { Settings } from "../config/Settings.ts"
import { type Connection, loadConnector, type Purpose } from "./RedisConnection.ts"
import { Patience, patienceMillis } from "./RedisPatience.ts"

/**
 * Redis of `REDIS_URL` behind the `Redis` service of `effect/persistence`, by ioredis. A server that is away does not
 * fail the layer: commands fail at once, or within `patienceMillis` where it hangs, until it is back. One that refuses
 * our credentials does fail it, since waiting would not help.
 */
export const layer = Layer.unwrap(Effect.map(Settings, ({ redisUrls }) => layerUrls(redisUrls)))

/** One URL, or those of some nodes of a cluster. */
export const layerUrls = (urls: ReadonlyArray<Redacted.Redacted>, options: RedisOptions = {}) =>
  Layer.effect(Redis.Redis, make(urls, options))

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

  return yield* Redis.make({
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
      Effect.map(open("subscription"), (connection) => {
        connection.on("message", (from: string, message: string) => onMessage({ channel: from, message }))
        // Nothing to fail with: it is sent when there is a connection, and again after each loss of one.
        connection.subscribe(channel).catch(() => undefined)
        return Effect.never
      })
  })
})

/** Redis leaves the type of an answer to whoever knows the command; there is nothing here to check it against. */
const isAnswer = <A>(answer: unknown): answer is A => answer !== undefined

const sendOn =
  (connection: Connection, patience?: Patience) =>
  <A = unknown>(command: string, ...args: ReadonlyArray<string>): Effect.Effect<A, Redis.RedisError> =>
    Effect.callback((resume) => {
      const fail = (message: string) => resume(Effect.fail(new Redis.RedisError({ cause: new Error(message) })))
      const waiting = patience?.wait(() => fail(`No answer to ${command} within ${patience?.millis} ms`))
      call(connection, command, args).then(
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

const call = (connection: Connection, command: string, args: ReadonlyArray<string>): Promise<unknown> => {
  // Lower case is what ioredis compares with its list of commands that must not share a pipeline.
  const name = command.toLowerCase()
  if (name !== "script" || !("nodes" in connection)) return connection.call(name, ...args)
  // Each primary of a cluster keeps scripts of its own, and any of them may be asked next.
  return Promise.all(connection.nodes("master").map((node) => node.call(name, ...args))).then(([answer]) => answer)
}

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "unknown"
  if ("lastNodeError" in cause && cause.lastNodeError instanceof Error) return reasonOf(cause.lastNodeError)
  // ioredis names the option that makes it so; whoever reads a log wants to know what is the matter.
  if (cause.message.startsWith("Stream isn't writeable")) return "there is no connection"
  if (cause.message !== "") return cause.message
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name
}

/** What no wait will mend: credentials, rights, a database that is not there. */
const isRefusal = (reason: string) => /^(WRONGPASS|NOAUTH|NOPERM|ERR (AUTH|invalid password|DB index))/.test(reason)

/** Waits for the first connection, but only as long as a start may take: Redis may come later. */
const firstContact = (connection: Connection) =>
  Effect.callback<void, ConfigError>((resume) => {
    const onReady = () => resume(Effect.void)
    const onError = (cause: unknown) => {
      const reason = reasonOf(cause)
      resume(isRefusal(reason) ? Effect.fail(misconfigured(`Redis refuses the connection: ${reason}`)) : Effect.void)
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
