import { Effect, FileSystem } from "effect"
import { gigachatDefaults, openaiDefaults, yandexgptDefaults } from "./Defaults.ts"
import type { Faults } from "./Faults.ts"
import type { ProviderEntry } from "./FileSchema.ts"
import type { Calling, GigaChatSettings, OpenAiSettings, YandexAuth, YandexGptSettings } from "./Settings.ts"
import { vendorAddresses, vendorAt } from "./Vendors.ts"

/**
 * What makes a provider complete, whichever way it was written: by variables or in the file. `Place` tells its fields' names
 * there: `YANDEX_FOLDER_ID`, or `folderId` of `xrouter.yaml:7 providers.mine`.
 */
export interface Place<Field extends string> {
  /** Of a field, or of the provider as a whole. */
  readonly at: (field?: Field) => string
  readonly name: (field: Field) => string
}

type Fields<Entry> = {
  readonly [Field in keyof Entry as Field extends "kind" ? never : Field]?: Entry[Field] | undefined
}
type EntryOf<Kind> = Fields<Extract<typeof ProviderEntry.Type, { readonly kind: Kind }>>

export type GigaChatFields = EntryOf<"gigachat">
export type YandexGptFields = EntryOf<"yandexgpt">
export type OpenAiFields = EntryOf<"openai">

const callingOf = ({
  circuit,
  concurrency,
  propagateTrace,
  timeouts
}: GigaChatFields | YandexGptFields | OpenAiFields): Calling => ({
  concurrency,
  ...(timeouts === undefined ? {} : { timeouts }),
  ...(circuit === undefined ? {} : { circuit }),
  ...(propagateTrace === undefined ? {} : { propagateTrace })
})

export const gigachat = Effect.fnUntraced(function* (
  fields: GigaChatFields,
  { at, name }: Place<keyof GigaChatFields & string>,
  faults: Faults
) {
  const { certFile, keyFile } = fields
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [set, missing] =
      certFile === undefined ? (["keyFile", "certFile"] as const) : (["certFile", "keyFile"] as const)
    faults.add(at(missing), `is required beside ${name(set)}`)
  } else if (fields.credentials === undefined && fields.accessToken === undefined && certFile === undefined) {
    faults.add(
      at(),
      `Expected credentials too: ${name("credentials")}, ${name("accessToken")}, or ${name("certFile")} and ${name("keyFile")}`
    )
  }
  yield* readable(["caBundleFile", "certFile", "keyFile"], fields, at, faults)
  const settings: GigaChatSettings = {
    kind: "gigachat",
    credentials: fields.credentials,
    accessToken: fields.accessToken,
    scope: fields.scope ?? gigachatDefaults.scope,
    baseUrl: fields.baseUrl,
    authUrl: fields.authUrl ?? gigachatDefaults.authUrl,
    caBundleFile: fields.caBundleFile,
    verifySslCerts: fields.verifySslCerts ?? true,
    certFile,
    keyFile,
    ...callingOf(fields)
  }
  return settings
})

export const yandexgpt = Effect.fnUntraced(function* (
  fields: YandexGptFields,
  { at, name }: Place<keyof YandexGptFields & string>,
  faults: Faults
) {
  const ways = (["apiKey", "iamToken", "serviceAccountKeyFile"] as const).filter((way) => fields[way] !== undefined)
  if (ways.length === 0) {
    faults.add(
      at(),
      `Expected credentials too: ${name("apiKey")}, ${name("iamToken")} or ${name("serviceAccountKeyFile")}`
    )
  }
  if (ways.length > 1) faults.add(at(ways[1]), `Expected one way in, ${ways.map(name).join(" and ")} are set together`)
  if (fields.folderId === undefined) faults.add(at("folderId"), "is required: the folder that models run in")
  yield* readable(["caBundleFile", "serviceAccountKeyFile"], fields, at, faults)
  const auth = yandexAuth(fields)
  if (auth === undefined || fields.folderId === undefined) return undefined
  const settings: YandexGptSettings = {
    kind: "yandexgpt",
    auth,
    folderId: fields.folderId,
    baseUrl: fields.baseUrl ?? yandexgptDefaults.baseUrl,
    iamUrl: fields.iamUrl ?? yandexgptDefaults.iamUrl,
    caBundleFile: fields.caBundleFile,
    dataLogging: fields.dataLogging ?? false,
    ...callingOf(fields)
  }
  return settings
})

const yandexAuth = ({ apiKey, iamToken, serviceAccountKeyFile }: YandexGptFields): YandexAuth | undefined => {
  if (apiKey !== undefined) return { _tag: "ApiKey", apiKey }
  if (iamToken !== undefined) return { _tag: "IamToken", token: iamToken }
  if (serviceAccountKeyFile !== undefined) return { _tag: "ServiceAccountKey", file: serviceAccountKeyFile }
  return undefined
}

export const openai = Effect.fnUntraced(function* (
  fields: OpenAiFields,
  { at, name }: Place<keyof OpenAiFields & string>,
  faults: Faults
) {
  const address = fields.vendor === undefined ? undefined : vendorAddresses[fields.vendor]
  if (fields.apiKey === undefined && fields.baseUrl === undefined && address?.isHosted !== false) {
    faults.add(at(), `Expected ${name("apiKey")}, ${name("baseUrl")} or both`)
  }
  yield* readable(["caBundleFile"], fields, at, faults)
  const baseUrl = fields.baseUrl ?? address?.baseUrl ?? openaiDefaults.baseUrl
  const vendor = fields.vendor ?? vendorAt(baseUrl)
  if (vendor === "yandex" && fields.project === undefined) {
    faults.add(at("project"), "is required: the folder that models run in")
  }
  const settings: OpenAiSettings = {
    kind: "openai",
    baseUrl,
    apiKey: fields.apiKey,
    ...(vendor === undefined ? {} : { vendor }),
    ...(fields.project === undefined ? {} : { project: fields.project }),
    ...(fields.headers === undefined ? {} : { headers: fields.headers }),
    caBundleFile: fields.caBundleFile,
    ...callingOf(fields)
  }
  return settings
})

const readable = Effect.fnUntraced(function* <Field extends string>(
  fields: ReadonlyArray<Field>,
  values: { readonly [_ in Field]?: string | undefined },
  at: (field: Field) => string,
  faults: Faults
) {
  const files = yield* FileSystem.FileSystem
  for (const field of fields) {
    const file = values[field]
    if (file === undefined) continue
    yield* files
      .readFile(file)
      .pipe(
        Effect.catch((error) =>
          Effect.sync(() => faults.add(at(field), `Expected a file that can be read: ${error.reason._tag}`))
        )
      )
  }
})
