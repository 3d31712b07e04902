import { Context, Effect, FileSystem, Layer, type Redacted, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { AdminKey, JwtSecrets } from "../config/SecretValues.ts"
import { type JwtSecret, Settings } from "../config/Settings.ts"
import { createFile, DataFolderError, makeDataFolder, orFolderError } from "./DataFolder.ts"

/**
 * The secrets that an operator sets or, in embedded mode, that are drawn once and kept in the data folder, readable by its owner
 * only: `admin.key`, and `jwt.secrets` in the form of `XROUTER_JWT_SECRETS`.
 */
export class Secrets extends Context.Service<
  Secrets,
  {
    /** The admin API is off without one. */
    readonly adminKey: Redacted.Redacted | undefined
    /** The first signs, all verify. Empty only with a `DATABASE_URL` and no `XROUTER_JWT_SECRETS`. */
    readonly jwtSecrets: ReadonlyArray<JwtSecret>
  }
>()("xrouter/storage/Secrets") {
  static readonly layer = Layer.effect(
    Secrets,
    Effect.gen(function* () {
      const { adminKey, jwtSecrets, databaseUrl, dataDir } = yield* Settings
      if (databaseUrl !== undefined) return Secrets.of({ adminKey, jwtSecrets })
      yield* makeDataFolder(dataDir)
      return Secrets.of({
        adminKey: adminKey ?? (yield* keep(adminKeyFile(dataDir), AdminKey, drawAdminKey)),
        jwtSecrets:
          jwtSecrets.length > 0 ? jwtSecrets : yield* keep(`${dataDir}/jwt.secrets`, JwtSecrets, drawJwtSecret)
      })
    })
  )
}

/** Where embedded mode keeps the admin key, for a client on the same machine. */
export const adminKeyFile = (dataDir: string): string => `${dataDir}/admin.key`

const drawAdminKey = () => randomBytes(32).toString("base64url")

const drawJwtSecret = () => `${randomBytes(4).toString("hex")}:${randomBytes(32).toString("base64")}`

/** What the file holds; draws it where there is no file. Of two processes that start at once, both get what one has drawn. */
const keep = Effect.fnUntraced(function* <A>(path: string, Form: Schema.Codec<A, string>, draw: () => string) {
  const fs = yield* FileSystem.FileSystem
  const isThere = yield* fs.exists(path).pipe(orFolderError(path, "read"))
  if (!isThere && (yield* createFile(path, `${draw()}\n`)))
    yield* Effect.logInfo(`Drew a secret and keeps it in ${path}`)
  const text = yield* fs.readFileString(path).pipe(orFolderError(path, "read"))
  return yield* Schema.decodeEffect(Form)(text.trim()).pipe(
    Effect.mapError(
      ({ message }) =>
        new DataFolderError({
          path,
          message: `${path} does not hold what it should: ${message}. Correct it, or remove it to have another one drawn`
        })
    )
  )
})
