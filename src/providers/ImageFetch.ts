import { Context, Duration, Effect, Result, Stream } from "effect"
import type { LookupAddress } from "node:dns"
import { isIP } from "node:net"
import { ValidationError } from "../domain/Errors.ts"
import { type Image, imageTypeOf, mediaType } from "./Image.ts"
import { resolveBy } from "./NameLookup.ts"
import { isPublicAddress } from "./PublicAddress.ts"
import * as Upstream from "./Upstream.ts"

/** What a fetch of images meets outside: names, addresses, ports, and the authorities that are trusted beside the system's. */
export interface ImageNetwork {
  /** All addresses of a host name; fails where it has none. */
  readonly resolve: (host: string) => Effect.Effect<ReadonlyArray<LookupAddress>, Error>
  readonly isAllowed: (address: string) => boolean
  /** As a URL has it: empty is 443. */
  readonly isPortAllowed: (port: string) => boolean
  readonly caBundleFile?: string | undefined
  /** For a whole image, from the look-up of its host's name. */
  readonly time: Duration.Duration
}

/** The open Internet. An application, or a test, that has images elsewhere gives another. */
export const ImageNetwork = Context.Reference<ImageNetwork>("xrouter/providers/ImageNetwork", {
  defaultValue: () => ({
    resolve: resolveBy(),
    isAllowed: isPublicAddress,
    isPortAllowed: (port) => port === "",
    time: Duration.seconds(10)
  })
})

/** Where in a request an image stands. */
export interface ImagePlace {
  readonly provider: string
  /** `messages[0].content[1].image_url.url` */
  readonly param: string
}

export const invalidImage = ({ param, provider }: ImagePlace, message: string): ValidationError =>
  new ValidationError({ reason: "invalid_body", message, param, provider })

/** What can be told of an address before anything is connected to; the host's name is looked up later. */
export const checkAddress = (
  network: ImageNetwork,
  url: URL,
  place: ImagePlace
): Result.Result<void, ValidationError> => {
  const fault = faultOf(network, url)
  return fault === undefined ? Result.void : Result.fail(invalidImage(place, fault))
}

const faultOf = ({ isAllowed, isPortAllowed }: ImageNetwork, url: URL): string | undefined => {
  const host = hostOf(url)
  if (url.protocol !== "https:") return "Expected a data: URL or an https address"
  if (url.username !== "" || url.password !== "") return "The address of an image must not carry a user or a password"
  if (!isPortAllowed(url.port)) return "Images are fetched from port 443 alone"
  if (url.href.length > longestAddress || host.length > longestHost) return "The address of the image is too long"
  return isIP(host) !== 0 && !isAllowed(host) ? notPublic : undefined
}

const longestAddress = 4096
/** RFC 1035, section 2.3.4. */
const longestHost = 253

/** Does not say which address it was: that would map our network for a stranger. */
const notPublic = "The image's host is not on the open Internet"

/** Without the brackets of IPv6. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1")

export interface ImageBounds {
  readonly types: ReadonlySet<string>
  readonly mostBytes: number
}

/**
 * An image from an address that passed `checkAddress`. The host's name is looked up once; all that it stands for must be
 * allowed, and the connection goes to what was checked and nowhere else. Redirects are not followed. Whatever comes of it
 * is the caller's to mend, so every failure is a `ValidationError`.
 */
export const fetchImage = (
  network: ImageNetwork,
  { mostBytes, types }: ImageBounds,
  url: URL,
  place: ImagePlace
): Effect.Effect<Image, ValidationError> => {
  const host = hostOf(url)
  const fail = (what: string) => Effect.fail(invalidImage(place, `The image could not be fetched: ${what}`))

  const tooLarge = `it is larger than ${mostBytes / 1_000_000} MB`

  const addresses = Effect.gen(function* () {
    const family = isIP(host)
    const found =
      family === 0
        ? yield* Effect.catch(network.resolve(host), () => fail(`${host} does not resolve`))
        : [{ address: host, family }]
    if (found.length === 0) return yield* fail(`${host} does not resolve`)
    if (!found.every(({ address }) => network.isAllowed(address))) return yield* invalidImage(place, notPublic)
    return found
  })

  const fetched = Effect.gen(function* () {
    const upstream = yield* Upstream.make({
      provider: host,
      baseUrl: url.origin,
      addresses: yield* addresses,
      caBundleFile: network.caBundleFile,
      connectTimeout: network.time,
      idleTimeout: network.time,
      headersTimeout: network.time
    })
    const answer = yield* upstream.stream(
      { method: "GET", path: url.pathname + url.search, headers: { accept: [...types].join(", ") } },
      yield* Effect.scope
    )
    const { headers, status } = answer
    if (status >= 300 && status <= 399) return yield* fail(`${host} answers with a redirect, which is not followed`)
    if (status !== 200) return yield* fail(`${host} answers with status ${status}`)
    const told = headers["content-type"]
    const type = mediaType(typeof told === "string" ? told : "")
    if (!types.has(type)) {
      return yield* fail(`${host} serves it as ${named(type)}, and what is taken is ${[...types].join(", ")}`)
    }
    if (Number(headers["content-length"] ?? 0) > mostBytes) return yield* fail(tooLarge)
    let size = 0
    const packets = yield* answer.body.pipe(
      Stream.takeUntil((packet) => (size += packet.length) > mostBytes),
      Stream.runCollect
    )
    if (size > mostBytes) return yield* fail(tooLarge)
    return { type, bytes: Buffer.concat(packets) }
  })

  return Effect.scoped(fetched).pipe(
    Effect.catchTag(["ProviderError", "UpstreamOptionsError"], ({ message }) => fail(message)),
    Effect.flatMap(({ bytes, type }) => {
      const is = imageTypeOf(bytes)
      return is === type ? Effect.succeed({ type: is, bytes }) : fail(`it is not the ${named(type)} that ${host} says`)
    }),
    Effect.timeoutOrElse({
      duration: network.time,
      orElse: () => fail(`${host} took more than ${Duration.format(network.time)}`)
    })
  )
}

/** A stranger's header, fit to be told. */
const named = (type: string): string =>
  /^[\w.+-]{1,40}\/[\w.+-]{1,60}$/.test(type) ? type : "something without a type"
