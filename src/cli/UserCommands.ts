import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { UserBody, UserPage } from "../gateway/AdminApi.ts"
import { AdminClient } from "./AdminClient.ts"
import { printFields, printJson, printPage, time } from "./Output.ts"
import { cursor, json, limit, orUndefined, pageQuery } from "./Parameters.ts"
import { findUser } from "./UserByName.ts"

const user = Argument.String("user").pipe(Argument.withDescription("Id or e-mail address"))

const password = Flag.Redacted("password").pipe(
  Flag.withDescription("For signing in; keys work without one"),
  orUndefined
)

const tier = Flag.String("tier").pipe(Flag.withDescription("Tier of the keys that have none of their own"), orUndefined)

const list = Command.make(
  "list",
  { limit, cursor, json },
  Effect.fn(function* ({ cursor, json, limit }) {
    const { ask } = yield* AdminClient
    const page = yield* ask((admin) => admin.listUsers({ query: pageQuery({ cursor, limit }) }))
    yield* printPage(UserPage, page, { json, rowOf: fieldsOf, whenEmpty: "There are no users" })
  })
).pipe(Command.withDescription("List the users, newest first"))

const create = Command.make(
  "create",
  { email: Argument.String("email").pipe(Argument.withDescription("E-mail address")), password, tier, json },
  Effect.fn(function* ({ email, json, password, tier }) {
    const { ask } = yield* AdminClient
    const payload = { email, ...(password !== undefined && { password }), ...(tier !== undefined && { tier }) }
    yield* print(yield* ask((admin) => admin.createUser({ payload })), json)
  })
).pipe(
  Command.withDescription("Create a user"),
  Command.withExamples([
    { command: "xrouter users create ann@example.com --tier pro", description: "A user whose keys are of the tier pro" }
  ])
)

const show = Command.make(
  "show",
  { user, json },
  Effect.fn(function* ({ json, user }) {
    yield* print(yield* findUser(user), json)
  })
).pipe(Command.withDescription("Show a user"))

const update = Command.make(
  "update",
  {
    user,
    email: Flag.String("email").pipe(Flag.withDescription("New e-mail address"), orUndefined),
    password,
    removePassword: Flag.Boolean("remove-password").pipe(
      Flag.withDescription("Take the password away"),
      Flag.withDefault(false)
    ),
    tier,
    json
  },
  Effect.fn(function* ({ email, json, password, removePassword, tier, user }) {
    const { ask } = yield* AdminClient
    const { id } = yield* findUser(user)
    const payload = {
      ...(email !== undefined && { email }),
      ...(password !== undefined && { password }),
      ...(removePassword && { password: null }),
      ...(tier !== undefined && { tier })
    }
    yield* print(yield* ask((admin) => admin.updateUser({ params: { id }, payload })), json)
  })
).pipe(Command.withDescription("Change a user"))

const remove = Command.make(
  "delete",
  { user },
  Effect.fn(function* ({ user }) {
    const { ask } = yield* AdminClient
    const { email, id } = yield* findUser(user)
    yield* ask((admin) => admin.deleteUser({ params: { id } }))
    yield* Console.error(`Deleted ${email} (${id}); its keys are revoked`)
  })
).pipe(Command.withDescription("Delete a user and revoke its keys"))

export const users = Command.make("users").pipe(
  Command.withDescription("Users of a running gateway"),
  Command.withSubcommands([list, create, show, update, remove]),
  Command.provide(AdminClient.layer)
)

const fieldsOf = ({ created_at, email, id, tier }: typeof UserBody.Type) => ({
  id,
  email,
  tier,
  created: time(created_at)
})

const print = (user: typeof UserBody.Type, json: boolean) =>
  json ? printJson(UserBody, user) : printFields(fieldsOf(user))
