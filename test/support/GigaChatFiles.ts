import { Effect } from "effect"
import { isJsonObject } from "../../src/domain/Json.ts"
import { json, type Step } from "./ScriptedUpstream.ts"

/** A file as GigaChat's store has it. */
export interface GigaChatFile {
  readonly id: string
  readonly type: string
  readonly filename: string
  readonly bytes: Uint8Array
}

const types = new Set(["image/jpeg", "image/jpg", "image/png", "image/tiff", "image/bmp"])
const mostBytes = 15_000_000
const mostImages = 10

/** GigaChat's store of files (`POST /files`, `POST /files/{id}/delete`), and what it says to messages that point into it. */
export const makeFiles = () => {
  const live = new Map<string, GigaChatFile>()
  const uploaded: Array<GigaChatFile> = []
  const uploads: Array<Step> = []
  const deletes: Array<Step> = []

  const upload: Step = (exchange) => {
    const plan = uploads.shift()
    if (plan !== undefined) return plan(exchange)
    const { bytes, headers } = exchange.request
    return Effect.flatMap(readForm(headers["content-type"] ?? "", bytes), (form) => {
      const refuse = (status: number, message: string) => json(status, { status, message })(exchange)
      if (form === undefined) return refuse(400, "Expected multipart/form-data")
      const { file, purpose } = form
      if (purpose !== "general") return refuse(400, "purpose is not general")
      if (file === undefined || file.filename === "") return refuse(400, "file is required")
      if (!types.has(file.type)) return refuse(400, `Unsupported file type ${file.type}`)
      if (file.bytes.length === 0 || file.bytes.length > mostBytes) return refuse(413, "Payload too large")
      const stored = { id: crypto.randomUUID(), ...file }
      live.set(stored.id, stored)
      uploaded.push(stored)
      return json(200, {
        id: stored.id,
        object: "file",
        bytes: stored.bytes.length,
        created_at: 1_790_000_000,
        filename: stored.filename,
        purpose,
        access_policy: "private"
      })(exchange)
    })
  }

  const remove =
    (id: string): Step =>
    (exchange) => {
      const plan = deletes.shift()
      if (plan !== undefined) return plan(exchange)
      return live.delete(id)
        ? json(200, { id, deleted: true })(exchange)
        : json(404, { status: 404, message: "No such file" })(exchange)
    }

  /** What is wrong with the files that a chat points to. */
  const fault = (body: unknown): { readonly status: number; readonly message: string } | undefined => {
    const messages: ReadonlyArray<unknown> =
      isJsonObject(body) && Array.isArray(body["messages"]) ? body["messages"] : []
    const invalid = (what: string) => ({ status: 422, message: `Invalid params: ${what}` })
    let images = 0
    for (const message of messages) {
      if (!isJsonObject(message) || message["attachments"] === undefined) continue
      const { attachments, role } = message
      if (role !== "user") return invalid("attachments of a message that is not the user's")
      if (!Array.isArray(attachments)) return invalid("attachments are not an array")
      if (attachments.length !== 1) return invalid("a message takes one image")
      if (isJsonObject(body) && !/-(?:Pro|Max)\b/.test(String(body["model"]))) {
        return invalid("Requested model does not support images")
      }
      if (!live.has(String(attachments[0]))) return invalid("no such file in attachments")
      images += attachments.length
    }
    return images > mostImages ? invalid(`more than ${mostImages} images`) : undefined
  }

  return {
    live,
    uploaded,
    upload,
    remove,
    fault,
    nextUpload: (step: Step): void => void uploads.push(step),
    nextDelete: (step: Step): void => void deletes.push(step)
  }
}

/** The fields of a form, as any reader of RFC 7578 would have them. */
const readForm = (contentType: string, bytes: Uint8Array) =>
  Effect.promise(async () => {
    if (!contentType.startsWith("multipart/form-data; boundary=")) return undefined
    const response = new Response(new Blob([Uint8Array.from(bytes)]), { headers: { "content-type": contentType } })
    const form = await response.formData().catch(() => undefined)
    if (form === undefined) return undefined
    const file = form.get("file")
    return {
      purpose: form.get("purpose"),
      file:
        file instanceof File
          ? { type: file.type, filename: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }
          : undefined
    }
  })
