import { Duration, Effect, Redacted, type Scope } from "effect"
import type { YandexGptSettings } from "../../config/Settings.ts"
import { type Credentials, fixed } from "../Credentials.ts"
import * as Upstream from "../Upstream.ts"
import type { UpstreamOptions, UpstreamOptionsError } from "../UpstreamOptions.ts"
import { issueToken } from "./IamToken.ts"
import * as RenewedToken from "./RenewedToken.ts"
import { readServiceAccountKey } from "./ServiceAccountKey.ts"

/**
 * An API key never ends. A ready IAM token is used as it is until the vendor refuses it. The key of a service account is
 * exchanged for IAM tokens as they are needed, at an endpoint that is reached like the provider itself.
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
      const iam = yield* Upstream.make({
        ...options,
        baseUrl: iamUrl,
        idleTimeout: tokenTimeout,
        headersTimeout: tokenTimeout
      })
      return yield* RenewedToken.make(issueToken(options.provider, iam, key))
    }
  }
})

/** A token is had in a fraction of a second, or the endpoint is away. */
const tokenTimeout = Duration.seconds(15)
