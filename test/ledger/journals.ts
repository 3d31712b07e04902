import { Effect, Exit, Scope } from "effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { type Journal, type JournalSizes, makeJournal } from "../../src/ledger/Journal.ts"
import type { NotWritten } from "../../src/ledger/JournalWriter.ts"

export type TheJournal = Journal["Service"]

export const line = (id: string, status: string, more = "") =>
  `{"request_id":"${id}","status":"${status}","id":"a"${more},"v":1}`

export const begin = (journal: TheJournal, id: string, createdAt = 0) =>
  Effect.callback<NotWritten | undefined>((resume) => {
    journal.begin({ requestId: id, createdAt, line: line(id, "pending") }, (failure) => resume(Effect.succeed(failure)))
  })

export const call = (journal: TheJournal, id: string) =>
  Effect.andThen(
    begin(journal, id),
    Effect.sync(() => journal.end(id, line(id, "completed")))
  )

/** Ships everything, and answers what it was. */
export const drain = Effect.fnUntraced(function* (journal: TheJournal) {
  yield* journal.written
  const all: Array<string> = []
  while (true) {
    const portion = yield* journal.next
    if (portion === undefined) return all
    all.push(...portion.calls.map(({ requestId }) => requestId))
    yield* journal.shipped(portion)
  }
})

/** One process's life with a journal. */
export const life = <A, E, R>(
  folder: string,
  use: (journal: TheJournal) => Effect.Effect<A, E, R>,
  sizes?: JournalSizes
) => Effect.scoped(Effect.flatMap(makeJournal(folder, sizes), use))

/** The same, ended by a kill: nothing is done at its end. */
export const killed = <A, E, R>(
  folder: string,
  use: (journal: TheJournal) => Effect.Effect<A, E, R>,
  sizes?: JournalSizes
) =>
  Effect.gen(function* () {
    const scope = Scope.makeUnsafe()
    const journal = yield* Scope.provide(makeJournal(folder, sizes), scope)
    const result = yield* use(journal)
    yield* journal.written
    // What stands on the disk at this moment is all that a kill would leave.
    const left = readdirSync(`${folder}/usage`).map((name) => [name, readFileSync(`${folder}/usage/${name}`)] as const)
    yield* Scope.close(scope, Exit.void)
    for (const [name, content] of left) writeFileSync(`${folder}/usage/${name}`, content)
    return result
  })

export const files = (folder: string) =>
  readdirSync(`${folder}/usage`)
    .filter((name) => /^\d{10}\.jsonl$/.test(name))
    .sort()

export const ids = (count: number, name = "req") => Array.from({ length: count }, (_, index) => `${name}_${index}`)

export const small: JournalSizes = { segmentBytes: 1000, mostBytes: 4000 }
