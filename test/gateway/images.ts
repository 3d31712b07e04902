import { Context, Duration, Effect, Layer } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type OpenAI from "openai"
import { ImageNetwork } from "../../src/providers/ImageFetch.ts"
import { isPublicAddress } from "../../src/providers/PublicAddress.ts"
import { makeAuthority } from "../support/Certificates.ts"
import { eventually } from "../support/Eventually.ts"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import { dataUrl, png, textPart } from "../support/Images.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { gigaChatSettings, openAiSettings, providers, yandexSettings } from "../support/Upstreams.ts"
import * as YandexUpstream from "../support/YandexUpstream.ts"

export const host = "pictures.example"
/** The only address of the loopback that this gateway takes for one of the open Internet. */
export const open = "127.0.0.1"

/** A host of images behind TLS; its name is known to this test alone. */
const imageHost = Effect.gen(function* () {
  const authority = makeAuthority("Authority of images")
  const answers = new Map<string, Scripted.Step>()
  const missing = Scripted.text(404, "", { "content-type": "text/plain" })
  const server = yield* Scripted.make(({ path }) => answers.get(path) ?? missing, {
    tls: authority.issue("pictures", host)
  })
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "xrouter-images-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const caBundleFile = join(folder, "ca.pem")
  writeFileSync(caBundleFile, authority.cert)
  const { port } = new URL(server.url)
  return { answers, caBundleFile, port, server, url: (path: string) => `https://${host}:${port}${path}` }
})

/** A gateway that fetches images, and all whom it calls. */
export class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly key: string
    readonly openai: OpenAI
    readonly gigachat: GigaChatUpstream.GigaChatUpstream
    readonly yandex: YandexUpstream.YandexUpstream
    readonly upstream: OpenAiUpstream.OpenAiUpstream
    readonly images: Effect.Success<typeof imageHost>
    /** What each look-up of a name answers, in turn; the last one stays. */
    readonly names: Map<string, Array<string>>
    readonly lookUps: Array<string>
  }
>()("test/gateway/images/Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const gigachat = yield* GigaChatUpstream.make()
      const yandex = yield* YandexUpstream.make()
      const upstream = yield* OpenAiUpstream.make()
      const images = yield* imageHost
      const names = new Map([[host, [open]]])
      const lookUps: Array<string> = []
      const gateway = yield* Effect.provideService(
        startGateway({
          imageUrls: true,
          providers: providers({
            gigachat: gigaChatSettings(gigachat),
            yandexgpt: yandexSettings(yandex),
            openai: openAiSettings(upstream.baseUrl),
            sandbox: { kind: "sandbox" }
          })
        }),
        ImageNetwork,
        {
          resolve: (name) =>
            Effect.suspend(() => {
              lookUps.push(name)
              const answers = names.get(name) ?? []
              const address = answers.length > 1 ? answers.shift() : answers[0]
              return Effect.succeed(address === undefined ? [] : [{ address, family: address.includes(":") ? 6 : 4 }])
            }),
          isAllowed: (address) => address === open || isPublicAddress(address),
          isPortAllowed: (port) => port === "" || port === images.port,
          caBundleFile: images.caBundleFile,
          time: Duration.seconds(10)
        }
      )
      const key = yield* gateway.makeKey()
      return { gateway, key, openai: gateway.openai(key), gigachat, yandex, upstream, images, names, lookUps }
    })
  )
}

export const model = "gigachat/GigaChat-2-Max"
export const ask = (...parts: ReadonlyArray<OpenAI.ChatCompletionContentPart>) => ({
  model,
  messages: [{ role: "user" as const, content: [...parts] }]
})
export const question = textPart("Что на картинке?")
export const dot = dataUrl(png())

export const allDeleted = ({ files }: GigaChatUpstream.GigaChatUpstream) =>
  eventually(Effect.sync(() => files.size === 0))
