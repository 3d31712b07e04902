import { Duration, Effect, Exit, Fiber, FiberSet, Result, type Scope, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import { ProviderError, type ProviderFailure } from "../../domain/Errors.ts"
import type { Upload } from "../Assembly.ts"
import { authorized } from "../Authorized.ts"
import { invalidAnswer } from "../BrokenAnswers.ts"
import { Busy } from "../Busy.ts"
import type { Credentials } from "../Credentials.ts"
import type { WantedImage } from "../Dialect.ts"
import type { Image, ImageType } from "../Image.ts"
import { fetchImage, type ImageNetwork } from "../ImageFetch.ts"
import { refusalFailure } from "../Refusals.ts"
import type { Upstream } from "../Upstream.ts"
import { bounds, imageOf } from "./GigaChatImages.ts"
import { decodeFile, wordsIn } from "./GigaChatWire.ts"

export interface GigaChatFilesOptions {
  readonly provider: string
  readonly upstream: Upstream
  readonly credentials: Credentials
  readonly network: ImageNetwork
}

/**
 * Images that are on their way, all requests together, and of those from addresses as many before that: this bounds what they take
 * of memory, and hosts that are slow keep back only those who named them and the like.
 */
const atOnce = 8
/** For a place among those. */
const longestWait = Duration.seconds(30)
/** Of one upload, and of the deletes that are still owed when the gateway stops. */
const uploadTime = Duration.minutes(1)
const farewell = Duration.seconds(5)

/**
 * GigaChat's store of files (`POST /files`, `POST /files/{id}/delete`), where images must be before a message can point to
 * them, and where they would stay for ever. So each is deleted when the call that it was uploaded for has ended, however
 * it ended; nobody waits for that. An upload that has begun is finished even when the caller has left, since only its answer
 * tells what to delete.
 */
export const makeUpload = Effect.fn("GigaChatFiles.make")(function* ({
  credentials,
  network,
  provider,
  upstream
}: GigaChatFilesOptions): Effect.fn.Return<Upload, never, Scope.Scope> {
  const background = yield* FiberSet.make<unknown, unknown>()
  yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(background), farewell))
  const fetching = yield* Semaphore.make(atOnce)
  const uploading = yield* Semaphore.make(atOnce)

  const post = Effect.fnUntraced(
    function* (image: Image, param: string): Effect.fn.Return<string, ProviderFailure> {
      const { body, contentType } = formOf(image)
      const { headers, status, text } = yield* authorized(credentials, (proof) =>
        upstream.exchange({
          method: "POST",
          path: "/files",
          headers: { accept: "application/json", "content-type": contentType, ...proof },
          body
        })
      )
      if (status !== 200) return yield* refusalFailure({ provider, status, headers, message: wordsIn(text), param })
      const file = decodeFile(text)
      if (Result.isFailure(file)) return yield* invalidAnswer({ provider }, "took a file and did not tell its id")
      return file.success.id
    },
    Effect.mapError(ofUpload),
    limited(provider)
  )

  const remove = Effect.fnUntraced(
    function* (id: string): Effect.fn.Return<void, ProviderFailure> {
      const { headers, status, text } = yield* authorized(credentials, (proof) =>
        upstream.exchange({
          method: "POST",
          path: `/files/${encodeURIComponent(id)}/delete`,
          headers: { accept: "application/json", ...proof }
        })
      )
      if (status !== 200) return yield* refusalFailure({ provider, status, headers, message: wordsIn(text) })
    },
    (deleted, id) =>
      Effect.catch(deleted, ({ message }) =>
        Effect.logWarning(
          `An image stays in the account of ${provider} as file ${id}, it could not be deleted: ${message}`
        )
      )
  )

  const place = (places: Semaphore.Semaphore): Effect.Effect<void, Busy> =>
    Effect.timeoutOrElse(Effect.asVoid(places.take(1)), {
      duration: longestWait,
      orElse: () => Effect.fail(busyWith(provider))
    })

  /** The place is the upload's, and stays so where nobody waits for it any more. */
  const upload = (
    requestId: string,
    read: () => Image,
    param: string
  ): Effect.Effect<string, ProviderFailure, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        yield* restore(place(uploading))
        const posting = yield* FiberSet.run(background, Effect.ensuring(post(read(), param), uploading.release(1)))
        const deleting = Effect.flatMap(Fiber.await(posting), (exit) =>
          Exit.isSuccess(exit) ? remove(exit.value) : Effect.void
        )
        yield* Effect.addFinalizer(() =>
          FiberSet.run(background, Effect.annotateLogs(deleting, { request_id: requestId }))
        )
        return yield* restore(Fiber.join(posting))
      })
    )

  const idOf = (requestId: string, image: WantedImage): Effect.Effect<string, ProviderFailure, Scope.Scope> => {
    const { param } = image
    if (image._tag === "Data") return upload(requestId, () => imageOf(image), param)
    const { url } = image
    return Effect.uninterruptibleMask((restore) =>
      Effect.andThen(
        restore(place(fetching)),
        fetchImage(network, bounds, url, { provider, param }).pipe(
          Effect.flatMap((fetched) => upload(requestId, () => fetched, param)),
          restore,
          Effect.ensuring(fetching.release(1))
        )
      )
    )
  }

  return ({ requestId }, images) =>
    Effect.forEach(images, (image) => idOf(requestId, image), { concurrency: "unbounded" })
})

const busyWith = (provider: string): Busy =>
  new Busy({
    reason: "provider_rate_limit",
    message: `${provider} is busy: the gateway takes ${atOnce} images to it at once`,
    retryAfterMillis: 1000,
    limit: atOnce,
    remaining: 0,
    provider
  })

const ofUpload = (failure: ProviderFailure): ProviderFailure =>
  failure._tag === "ProviderError"
    ? // Spread, an error loses its cause.
      new ProviderError({
        ...failure,
        message: `An image could not be uploaded: ${failure.message}`,
        ...(failure.cause === undefined ? {} : { cause: failure.cause })
      })
    : failure

const limited =
  (provider: string) =>
  <A, E>(uploading: Effect.Effect<A, E>): Effect.Effect<A, E | ProviderError> =>
    Effect.timeoutOrElse(uploading, {
      duration: uploadTime,
      orElse: () =>
        Effect.fail(
          new ProviderError({
            provider,
            reason: "provider_timeout",
            message: `${provider} took no image within ${Duration.format(uploadTime)}`
          })
        )
    })

const extensions: Readonly<Record<ImageType, string>> = {
  "image/jpeg": "jpg",
  "image/png": "png",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/bmp": "bmp",
  "image/tiff": "tiff"
}

/** `multipart/form-data` (RFC 7578) of one file for general purpose. */
const formOf = ({ bytes, type }: Image) => {
  const boundary = `xrouter-${randomUUID()}`
  const before = [
    `--${boundary}`,
    'Content-Disposition: form-data; name="purpose"',
    "",
    "general",
    `--${boundary}`,
    `Content-Disposition: form-data; name="file"; filename="image.${extensions[type]}"`,
    `Content-Type: ${type}`,
    "",
    ""
  ].join("\r\n")
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(before), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)])
  }
}
