import { Flag } from "effect/cli"
import { Option } from "effect"

/** Flags that several commands have. */

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print what the gateway answered, as JSON"),
  Flag.withDefault(false)
)

/** Undefined where it is not given. */
export const orUndefined = <A>(flag: Flag.Flag<A>): Flag.Flag<A | undefined> =>
  flag.pipe(Flag.optional, Flag.map(Option.getOrUndefined))

export const limit = Flag.Int("limit").pipe(Flag.withDescription("At most so many"), Flag.withDefault(100))

export const cursor = Flag.String("cursor").pipe(Flag.withDescription("Go on where an earlier list ended"), orUndefined)

/** These two, as the gateway is asked for a page. */
export const pageQuery = ({ cursor, limit }: { readonly cursor: string | undefined; readonly limit: number }) => ({
  limit,
  ...(cursor !== undefined && { cursor })
})
