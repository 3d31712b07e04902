import { Effect } from "effect"
import type { UserBody } from "../gateway/AdminApi.ts"
import { AdminClient } from "./AdminClient.ts"
import { CommandError } from "./CommandError.ts"

type User = typeof UserBody.Type

/** By id, or by e-mail address, for which the list is gone through. */
export const findUser = Effect.fn("UserByName.find")(function* (name: string) {
  const { ask } = yield* AdminClient
  if (!name.includes("@")) return yield* ask((admin) => admin.getUser({ params: { id: name } }))
  let cursor: string | null = ""
  while (cursor !== null) {
    const query = { limit: 100, ...(cursor !== "" && { cursor }) }
    const page: { readonly data: ReadonlyArray<User>; readonly next_cursor: string | null } = yield* ask((admin) =>
      admin.listUsers({ query })
    )
    const found = page.data.find(({ email }) => email.toLowerCase() === name.toLowerCase())
    if (found !== undefined) return found
    cursor = page.next_cursor
  }
  return yield* new CommandError({ message: `There is no user with the address ${name}` })
})

/** The user of a gateway that has but one. */
export const onlyUser = Effect.fn("UserByName.only")(function* () {
  const { ask } = yield* AdminClient
  const { data } = yield* ask((admin) => admin.listUsers({ query: { limit: 2 } }))
  const [first, second] = data
  if (first === undefined) {
    return yield* new CommandError({ message: "There is no user yet. Make one: xrouter users create <email>" })
  }
  if (second !== undefined) {
    return yield* new CommandError({ message: "There are several users. Say whose key it is: --user <id or email>" })
  }
  return first
})
