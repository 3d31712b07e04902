import type { Effect, Redacted, Scope } from "effect"
import { openaiDefaults } from "../../config/Defaults.ts"
import type { OpenAiSettings } from "../../config/Settings.ts"
import type { Provider } from "../Provider.ts"
import { type TransportOptions, transportOf } from "../TransportOptions.ts"
import type { UpstreamOptionsError } from "../UpstreamOptions.ts"
import * as OpenAi from "./OpenAi.ts"

export interface OpenAiOptions extends TransportOptions, Partial<Pick<OpenAiSettings, "vendor" | "headers">> {
  /** With its version; `https://api.openai.com/v1` unless given. */
  readonly baseUrl?: string
  /** May be left out where the upstream asks for none. */
  readonly apiKey?: Redacted.Redacted
}

/**
 * OpenAI, or whoever speaks its language; `openai` by name unless given another. Connects to nothing yet, and fails only where the options
 * cannot be used; the connections live as long as the scope.
 */
export const make = (options: OpenAiOptions): Effect.Effect<Provider, UpstreamOptionsError, Scope.Scope> =>
  OpenAi.make(
    options.name ?? "openai",
    {
      kind: "openai",
      baseUrl: options.baseUrl ?? openaiDefaults.baseUrl,
      apiKey: options.apiKey,
      caBundleFile: options.caBundleFile,
      vendor: options.vendor,
      headers: options.headers,
      concurrency: undefined
    },
    transportOf(options)
  )
