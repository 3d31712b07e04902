import { type Look, NothingSeen } from "./Look.ts"
import { startOf, type View, viewOf } from "./View.ts"

/** Looks at one process, the oldest first. */
export type History = readonly [Look, ...ReadonlyArray<Look>]

/** Adds a look, and forgets those that are older than so many milliseconds or were at another process. */
export const remember = (history: ReadonlyArray<Look>, look: Look, millis: number): History => {
  const [first, ...more] = history.filter(
    (older) => startOf(older) === startOf(look) && look.ticks - older.ticks <= millis
  )
  return first === undefined ? [look] : [first, ...more, look]
}

/** The last look, and what has happened since the first one. */
export const viewOfAll = ([first, ...more]: History): View => {
  const last = more.at(-1)
  return last === undefined ? viewOf(undefined, first) : viewOf(first, last)
}

/** Two looks from which nothing follows, as something else was looked at the second time. */
export const anotherProcess = (url: string) =>
  new NothingSeen({
    message: `Another process answers at ${url} now: the gateway was restarted, or there are several. Look at one of them`
  })
