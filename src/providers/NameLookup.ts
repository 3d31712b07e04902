import { Effect, Result } from "effect"
import { type LookupAddress, Resolver } from "node:dns"

/**
 * The addresses of a host name as DNS has them, IPv4 first; fails where there are none. Names of strangers are not looked up with
 * `getaddrinfo`: it knows the names of our own machine and network besides, and holds one of Node's few worker threads for as
 * long as a slow server wishes. `servers` stand in place of the system's.
 */
export const resolveBy =
  (servers?: ReadonlyArray<string>) =>
  (host: string): Effect.Effect<ReadonlyArray<LookupAddress>, Error> =>
    Effect.suspend(() => {
      const resolver = new Resolver({ timeout: 2000, tries: 2 })
      if (servers !== undefined) resolver.setServers(servers)
      const both = Effect.all([query(resolver, host, 4), query(resolver, host, 6)], { concurrency: 2 })
      return Effect.onInterrupt(
        Effect.flatMap(both, (answers) => Effect.fromResult(joined(answers))),
        () => Effect.sync(() => resolver.cancel())
      )
    })

type Answer = Result.Result<ReadonlyArray<LookupAddress>, Error>

const query = (resolver: Resolver, host: string, family: 4 | 6): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const done = (error: Error | null, addresses: ReadonlyArray<string>) =>
      resume(
        Effect.succeed(
          error === null ? Result.succeed(addresses.map((address) => ({ address, family }))) : Result.fail(error)
        )
      )
    if (family === 4) resolver.resolve4(host, done)
    else resolver.resolve6(host, done)
  })

/** One kind is enough. */
const joined = ([four, six]: readonly [Answer, Answer]): Answer =>
  Result.isFailure(four) && Result.isFailure(six)
    ? four
    : Result.succeed([...Result.getOrElse(four, () => []), ...Result.getOrElse(six, () => [])])
