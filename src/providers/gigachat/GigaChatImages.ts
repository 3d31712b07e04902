import { Result } from "effect"
import type { ContentPart } from "../../domain/ChatRequest.ts"
import type { ValidationError } from "../../domain/Errors.ts"
import type { WantedImage } from "../Dialect.ts"
import { type Image, type ImageType, imageTypeOf } from "../Image.ts"
import { type ImageBounds, type ImagePlace, invalidImage } from "../ImageFetch.ts"
import { base64Size, decodeBase64, readImageUrl } from "../ImageUrl.ts"
import { type Carrier, unsupported } from "../Parameters.ts"

/** What GigaChat takes as a file for its models to look at ("Обработка файлов", developers.sber.ru). */
export const bounds: ImageBounds & { readonly types: ReadonlySet<ImageType> } = {
  types: new Set(["image/jpeg", "image/png", "image/tiff", "image/bmp"]),
  mostBytes: 15_000_000
}

/** Of one request. */
const mostImages = 10

/** By the vendor's documentation the models of the two larger sizes see, of every generation, previews included. */
export const sees = (model: string): boolean => /-(?:Pro|Max)\b/i.test(model)

/** Of a part of type `image_url`; `before` are the images that the request has had so far. */
export type ImageReader = (
  part: ContentPart,
  path: string,
  before: number
) => Result.Result<WantedImage, ValidationError>

/** Whether an image may be fetched from this address, as far as the address itself tells. */
export type AddressCheck = (url: URL, place: ImagePlace) => Result.Result<void, ValidationError>

/** Refuses, with its path, every image that GigaChat would refuse; those at addresses altogether where nobody checks these. */
export const imageReader =
  (carrier: Carrier, model: string, checkAddress: AddressCheck | undefined): ImageReader =>
  (part, path, before) => {
    if (!sees(model)) {
      return unsupported(carrier, path, `${model} reads text only; the -Pro and -Max models see images`)
    }
    const place: ImagePlace = { provider: carrier.provider, param: `${path}.image_url.url` }
    const invalid = (message: string) => Result.fail(invalidImage(place, message))
    if (before >= mostImages) return invalid(`A request to GigaChat takes ${mostImages} images at most`)
    const text = part.image_url?.url
    if (text === undefined) return invalid("A part of type image_url needs its image_url")
    return Result.match(readImageUrl(text), {
      onFailure: invalid,
      onSuccess: (read) => {
        if (read._tag === "Data") return readData(carrier, place, read.type, read.base64)
        const { url } = read
        if (url.protocol === "https:" && checkAddress === undefined) {
          return unsupported(
            carrier,
            place.param,
            "images are not fetched from addresses here unless XROUTER_IMAGE_URLS is on; send a data: URL"
          )
        }
        const checked = checkAddress?.(url, place) ?? invalid("Expected a data: URL or an https address")
        return Result.map(checked, () => ({ _tag: "Address", param: place.param, url }))
      }
    })
  }

const readData = (
  carrier: Carrier,
  place: ImagePlace,
  declared: string,
  base64: string
): Result.Result<WantedImage, ValidationError> => {
  const invalid = (message: string) => Result.fail(invalidImage(place, message))
  const type = [...bounds.types].find((type) => type === declared)
  if (type === undefined) return unsupported(carrier, place.param, taken)
  if (base64Size(base64) > bounds.mostBytes) return invalid(`An image for GigaChat may have 15 MB at most`)
  const bytes = decodeBase64(base64)
  if (bytes === undefined) return invalid("The image is not written in base64")
  const is = imageTypeOf(bytes)
  if (is !== undefined && is !== type) {
    return invalid(`The image is declared as ${type} and is ${is}${bounds.types.has(is) ? "" : `; ${taken}`}`)
  }
  return is === undefined
    ? invalid(`The image is declared as ${type} and is not one`)
    : Result.succeed({ _tag: "Data", param: place.param, type, base64 })
}

const taken = "images are taken as JPEG, PNG, TIFF and BMP"

/** The image itself. Its base64 was found to be sound when the request was read. */
export const imageOf = ({ base64, type }: Extract<WantedImage, { readonly _tag: "Data" }>): Image => ({
  type,
  bytes: Buffer.from(base64, "base64")
})
