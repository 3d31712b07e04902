import { Effect, Layer } from "effect"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import { Settings } from "../config/Settings.ts"
import { Secrets } from "../storage/Secrets.ts"

/** Loaded when it is built: whoever has no third-party applications needs none of it. */
const layerSettings = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("./AuthorizationServer.ts")),
    ({ AuthorizationServer }) => AuthorizationServer
  )
)

/** What OAuth goes by; `jwtSecrets` sign and verify its tokens. */
export type OAuthOptions = Required<Pick<LayerOptions, "publicUrl" | "jwtSecrets">> &
  Pick<LayerOptions, "signup" | "clientRegistration" | "keyCacheTtl" | "tiers" | "redisUrls">

/** The authorization server's rules (OAuth 2.1), without HTTP: the gateway gives routes to them. */
export const OAuth = {
  layer: (options: OAuthOptions) =>
    layerSettings.pipe(
      Layer.provide(Layer.succeed(Secrets, { adminKey: undefined, jwtSecrets: options.jwtSecrets })),
      Layer.provide(layerOptions(options))
    ),

  /** In embedded mode the secrets are those of the data folder. */
  layerConfig: layerSettings.pipe(Layer.provide(Secrets.layer), Layer.provide(Settings.layer))
}
