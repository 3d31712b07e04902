import { Redacted } from "effect"
import type {
  GigaChatSettings,
  OpenAiSettings,
  ProviderSettings,
  YandexGptSettings
} from "../../src/config/Settings.ts"
import type { GigaChatUpstream } from "./GigaChatUpstream.ts"
import type { YandexUpstream } from "./YandexUpstream.ts"

/** Settings that lead to the scripted upstreams. */

export const providers = (byName: Readonly<Record<string, ProviderSettings>>): ReadonlyMap<string, ProviderSettings> =>
  new Map(Object.entries(byName))

export const openAiSettings = (baseUrl: string, key = "sk-test-0123456789abcdef"): OpenAiSettings => ({
  kind: "openai",
  baseUrl,
  apiKey: Redacted.make(key),
  caBundleFile: undefined,
  concurrency: undefined
})

export const gigaChatSettings = (upstream: GigaChatUpstream): GigaChatSettings => ({
  kind: "gigachat",
  credentials: upstream.credentials,
  accessToken: undefined,
  scope: upstream.scope,
  baseUrl: upstream.baseUrl,
  authUrl: upstream.authUrl,
  verifySslCerts: true,
  certFile: undefined,
  keyFile: undefined,
  caBundleFile: undefined,
  concurrency: undefined
})

export const yandexSettings = (upstream: YandexUpstream): YandexGptSettings => ({
  kind: "yandexgpt",
  auth: { _tag: "ApiKey", apiKey: Redacted.make(upstream.apiKey) },
  folderId: upstream.folderId,
  baseUrl: upstream.baseUrl,
  iamUrl: upstream.iamUrl,
  dataLogging: false,
  caBundleFile: undefined,
  concurrency: undefined
})
