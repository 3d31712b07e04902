import { Effect, FileSystem, Redacted } from "effect"
import { readText, readVariable } from "../config/Environment.ts"
import { Faults } from "../config/Faults.ts"
import { access, command, gateway, stores, telemetry } from "../config/Variables.ts"
import { gatewayUrlFile } from "../FirstStart.ts"
import { adminKeyFile } from "../storage/Secrets.ts"
import { CommandError } from "./CommandError.ts"

export interface GatewayAddress {
  readonly url: string
  readonly adminKey: Redacted.Redacted
}

/** Where to look for what the running gateway is and takes. In embedded mode that lies in the data folder. */
const findPlace = Effect.fnUntraced(function* (faults: Faults) {
  const dataDir = yield* readVariable(gateway.dataDir, faults)
  const isEmbedded = (yield* readText(stores.databaseUrl.name, faults)) === undefined
  const inDataFolder = (path: string) => (isEmbedded ? readFile(path) : Effect.undefined)

  const host = yield* readVariable(gateway.host, faults)
  const port = yield* readVariable(gateway.port, faults)
  const url =
    (yield* readVariable(command.url, faults)) ??
    (yield* inDataFolder(gatewayUrlFile(dataDir))) ??
    (yield* readVariable(gateway.publicUrl, faults)) ??
    `http://${host.includes(":") ? `[${host}]` : host}:${port}`
  return { url, dataDir, isEmbedded, inDataFolder }
})

/** The first of them ends the command. */
const refuse = ({ all: [fault] }: Faults) =>
  fault === undefined ? Effect.void : Effect.fail(new CommandError({ message: `${fault.at}: ${fault.message}` }))

/**
 * Where the running gateway is, and the token to read its metrics by, if it wants one: `XROUTER_URL` and `XROUTER_METRICS_TOKEN`; else the
 * URL is what the data folder says, or what the gateway's own variables make of it.
 */
export const findMetrics = Effect.fn("GatewayAddress.findMetrics")(function* () {
  const faults = new Faults()
  const { url } = yield* findPlace(faults)
  const token = yield* readVariable(telemetry.metricsToken, faults)
  yield* refuse(faults)
  return { url, token }
})

/** Where the running gateway is, as above, and the key to administer it: `XROUTER_ADMIN_KEY`, or that of the data folder. */
export const findGateway = Effect.fn("GatewayAddress.find")(function* () {
  const faults = new Faults()
  const { dataDir, inDataFolder, isEmbedded, url } = yield* findPlace(faults)
  const adminKey = (yield* readText(access.adminKey.name, faults)) ?? (yield* inDataFolder(adminKeyFile(dataDir)))
  yield* refuse(faults)
  if (adminKey === undefined) {
    return yield* new CommandError({
      message:
        `There is no admin key: set ${access.adminKey.name} to the gateway's own` +
        (isEmbedded ? `, or ${gateway.dataDir.name} to its data folder (${dataDir} has no admin.key)` : "")
    })
  }
  const address: GatewayAddress = { url, adminKey: Redacted.make(adminKey) }
  return address
})

const readFile = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const text = yield* files.readFileString(path).pipe(Effect.orElseSucceed(() => ""))
  return text.trim() === "" ? undefined : text.trim()
})
