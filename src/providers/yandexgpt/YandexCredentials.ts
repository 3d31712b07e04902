import { Duration, Effect, Redacted, type Scope } from "effect"
import type { YandexGptSettings } from "../../config/Settings.ts"
import { type Credentials, fixed } from "../Credentials.ts"
import * as TokenEndpoint from "../TokenEndpoint.ts"
import * as TokenKeeper from "../TokenKeeper.ts"
import type { UpstreamOptions, UpstreamOptionsError } from "../UpstreamOptions.ts"
import { issueToken } from "./IamToken.ts"
import { readServiceAccountKey } from "./ServiceAccountKey.ts"

/**
 * An API key never ends. A ready IAM token is used as it is until the vendor refuses it. The key of a service account is
 * exchanged for IAM tokens as they are needed.
 */
export const make = Effect.fn("YandexCredentials.make")(function* (
  { auth, folderId, iamUrl }: YandexGptSettings,
  options: UpstreamOptions
): Effect.fn.Return<Credentials, UpstreamOptionsError, Scope.Scope> {
  switch (auth._tag) {
    case "ApiKey":
      return fixed({ authorization: `Api-Key ${Redacted.value(auth.apiKey)}` })
    case "IamToken":
      // A person's token needs to be told the folder. A service account has its own, and the vendor refuses another one's.
      return fixed({ authorization: `Bearer ${Redacted.value(auth.token)}`, "x-folder-id": folderId })
    case "ServiceAccountKey": {
      const key = yield* readServiceAccountKey(options.provider, auth.file)
      const endpoint = yield* TokenEndpoint.connect(options, iamUrl)
      return yield* TokenKeeper.make(issueToken(options.provider, endpoint, key), longestUse)
    }
  }
})

/** A token lives for twelve hours at most; the vendor asks to have a new one each hour. */
const longestUse = Duration.hours(1)
