import { Effect } from "effect"
import { RedisError } from "effect/persistence/Redis"
import type { Cluster, Redis } from "ioredis"
import { slotOf } from "./RedisSlots.ts"

/**
 * What a node answers while slots move (Redis documentation, "Cluster specification"): the command belongs elsewhere
 * (`MOVED 3999 127.0.0.1:6381`, `ASK 3999 127.0.0.1:6381`), half of its keys do (`TRYAGAIN`), or the node is no primary
 * any more (`READONLY`). Each says that the command was not executed, so that it may be sent again.
 */
const redirects = /^(MOVED|ASK|TRYAGAIN|READONLY)(?: \d+ (\S+))?/

/** A slot moves within milliseconds. Whoever waits for one waits about half a second, and is then told that it failed. */
const mostRedirects = 50
const pause = "10 millis"

type Call = () => Promise<unknown>
type Send<A> = (call: Call) => Effect.Effect<A, RedisError>

/**
 * Runs a script on the node that has its first key, and follows that key to where it moves.
 *
 * ioredis would do so too, but not for what it gathers into one write by itself: of such commands it repeats all or none
 * when one slot moves, holds up all that follow, and ends the process with a `TypeError` where it gives up at an `ASK`. So
 * commands are gathered by each node's own connection, which knows nothing of clusters, and are routed here.
 */
export const routed = <A>(
  cluster: Cluster,
  command: "evalsha" | "eval",
  args: ReadonlyArray<string>,
  send: Send<A>
): Effect.Effect<A, RedisError> => {
  const slot = slotOf(args[2] ?? "")
  const byItsSlot: Call = () => {
    const node = nodeAt(cluster, cluster.slots[slot]?.[0])
    return node === undefined ? cluster.call(command, ...args) : node.call(command, ...args)
  }
  const attempt = (call: Call, count: number): Effect.Effect<A, RedisError> =>
    Effect.catch(send(call), (error) => {
      const told = error.cause instanceof Error ? redirects.exec(error.cause.message) : null
      if (told === null || count === mostRedirects) return Effect.fail(error)
      const [, kind, address] = told
      const node = nodeAt(cluster, address)
      if (node === undefined || address === undefined) {
        if (kind !== "TRYAGAIN") cluster.refreshSlotsCache()
        return Effect.andThen(Effect.sleep(pause), attempt(byItsSlot, count + 1))
      }
      if (kind === "ASK") return attempt(() => asking(node, command, args), count + 1)
      // The rest of the table is refreshed every few seconds. Now that would close the connections of nodes that have lost
      // their last slot, and with them what they have not answered yet.
      cluster.slots[slot] = [address]
      return attempt(byItsSlot, count + 1)
    })
  return attempt(byItsSlot, 0)
}

/** A new node's connection is opened by its first commands, which wait for it; one that was lost has no command wait. */
const usable: ReadonlySet<string> = new Set(["wait", "connecting", "connect", "ready"])

/** At `host:port`, whichever role it had when it was last asked: a replica that is named has become a primary. */
const nodeAt = (cluster: Cluster, address: string | undefined): Redis | undefined =>
  address === undefined
    ? undefined
    : cluster.nodes().find(({ options, status }) => `${options.host}:${options.port}` === address && usable.has(status))

const asking = (node: Redis, command: string, args: ReadonlyArray<string>): Promise<unknown> =>
  node
    .pipeline()
    .asking()
    .call(command, ...args)
    .exec()
    .then((results) => {
      const [error, answer] = results?.[1] ?? [new Error("Nobody there to answer ASKING")]
      return error === null ? answer : Promise.reject(error)
    })
