import { Clock, Effect, type Scope } from "effect"
import { constants, createPublicKey, generateKeyPairSync, verify } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Scripted from "./ScriptedUpstream.ts"
import { type Completion, type Embedding, readCompletion, readEmbedding, type Refused } from "./YandexProtocol.ts"

/** Yandex Cloud on the loopback: text generation and the token endpoint, as strict as they are. */
export interface YandexUpstream {
  readonly baseUrl: string
  readonly iamUrl: string
  readonly apiKey: string
  /** A person's IAM token: good only together with `x-folder-id`. */
  readonly userToken: string
  readonly folderId: string
  /** Every request to the text generation service, refused ones too. */
  readonly completions: ReadonlyArray<Scripted.Received>
  /** Every request for an embedding, refused ones too. */
  readonly embeddings: ReadonlyArray<Scripted.Received>
  /** Every request to the token endpoint. */
  readonly tokenRequests: ReadonlyArray<Scripted.Received>
  /** How the next valid completion requests are answered; without any, each is answered with `defaultAnswer`. */
  readonly next: (...answers: ReadonlyArray<Answer>) => void
  /** How the next valid requests for an embedding are answered; without any, each with numbers of its own text. */
  readonly nextEmbedding: (...answers: ReadonlyArray<(embedding: Embedding) => Scripted.Step>) => void
  /** How the next token requests are answered, whatever they hold. */
  readonly nextToken: (...answers: ReadonlyArray<Scripted.Step>) => void
  /** From now on the tokens issued so far are refused. */
  readonly revokeTokens: () => void
  /** A file with a service account's key that the token endpoint knows; gone with the scope. */
  readonly keyFile: Effect.Effect<string, never, Scope.Scope>
}

/** How a completion that passed all checks is answered. */
export type Answer = (completion: Completion) => Scripted.Step

export const defaultAnswer = "Один, два, три."

// Answers

export interface Envelope {
  readonly text: string
  readonly status?: string
  /** Written as the service does: counts are strings. Zeros for a filtered answer. */
  readonly usage?: { readonly input: number; readonly completion: number; readonly reasoning?: number }
  readonly modelVersion?: string
}

export const envelope = ({
  text,
  status = "ALTERNATIVE_STATUS_FINAL",
  usage,
  modelVersion = "18.01.2026"
}: Envelope) => ({
  result: {
    alternatives: [{ message: { role: "assistant", text }, status }],
    ...(usage === undefined
      ? {}
      : {
          usage: {
            inputTextTokens: String(usage.input),
            completionTokens: String(usage.completion),
            totalTokens: String(usage.input + usage.completion),
            completionTokensDetails: { reasoningTokens: String(usage.reasoning ?? 0) }
          }
        }),
    modelVersion
  }
})

const partial = "ALTERNATIVE_STATUS_PARTIAL"
const headers = {
  "content-type": "application/json",
  "x-request-id": "0c6c5a9e-4b3f-4f63-8b51-7a1d0b1d3c55",
  "x-server-trace-id": "2f4e9a0b1c2d3e4f:5a6b7c8d9e0f1a2b:2f4e9a0b1c2d3e4f:1"
}

const words = (text: string): ReadonlyArray<string> => text.match(/\s*\S+|\s+$/g) ?? []

export interface Delivery {
  /** Bytes of each packet, so that letters and lines are cut; without it a line is a packet. */
  readonly packetSize?: number
  /** The last line has no line end. */
  readonly isLastLineOpen?: boolean
}

/** Lines of a stream as they are given; what is no string is written as JSON. */
export const lines = (
  all: ReadonlyArray<unknown>,
  { packetSize, isLastLineOpen = false }: Delivery = {}
): Scripted.Step => {
  const written = all.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`)
  const whole = Buffer.from(written.join("")).subarray(0, isLastLineOpen ? -1 : undefined)
  const size = packetSize ?? 0
  const packets =
    size > 0
      ? Array.from({ length: Math.ceil(whole.length / size) }, (_, at) => whole.subarray(at * size, (at + 1) * size))
      : written.map((line, at) => (isLastLineOpen && at === written.length - 1 ? line.slice(0, -1) : line))
  return Scripted.steps(Scripted.head(200, headers), ...packets.map(Scripted.write), Scripted.end)
}

/** Answers with the text, whole or as one snapshot a word; `maxTokens` counts words. */
export const says =
  (text: string, delivery: Delivery = {}): Answer =>
  ({ isStream, maxTokens, messages }) => {
    const all = words(text)
    const told = all.slice(0, maxTokens ?? all.length)
    const input = messages.reduce((sum, message) => sum + words(message.text).length, 0)
    const status = told.length < all.length ? "ALTERNATIVE_STATUS_TRUNCATED_FINAL" : "ALTERNATIVE_STATUS_FINAL"
    const last = envelope({ text: told.join(""), status, usage: { input, completion: told.length } })
    if (!isStream) return Scripted.json(200, last, headers)
    const snapshots = told.map((_, at) =>
      envelope({ text: told.slice(0, at + 1).join(""), status: partial, usage: { input, completion: at + 1 } })
    )
    return lines([...snapshots, last], delivery)
  }

export interface Called {
  readonly name: string
  readonly arguments?: unknown
}

/** Calls functions, in one piece or in snapshots: some text first where it is given, then the list so many times. */
export const callsFunctions =
  (
    calls: ReadonlyArray<Called>,
    { after = "", times = 1 }: { readonly after?: string; readonly times?: number } = {}
  ): Answer =>
  ({ isStream }) => {
    const last = callEnvelope(calls)
    if (!isStream) return Scripted.json(200, last, headers)
    return lines([
      ...(after === "" ? [] : [envelope({ text: after, status: partial, usage: { input: 9, completion: 2 } })]),
      ...Array.from({ length: times }, () => last)
    ])
  }

export const callEnvelope = (calls: ReadonlyArray<Called>, status = "ALTERNATIVE_STATUS_TOOL_CALLS") => ({
  result: {
    alternatives: [
      {
        message: { role: "assistant", toolCallList: { toolCalls: calls.map((call) => ({ functionCall: call })) } },
        status
      }
    ],
    usage: {
      inputTextTokens: "9",
      completionTokens: "7",
      totalTokens: "16",
      completionTokensDetails: { reasoningTokens: "0" }
    },
    modelVersion: "18.01.2026"
  }
})

/** Numbers that tell the text: its length, the model that was asked, and the first letter; then zeros. */
export const vectorOf = ({ model, text, dim }: Embedding): ReadonlyArray<number> => [
  text.length,
  model.length,
  text.codePointAt(0) ?? 0,
  ...Array.from({ length: (dim ?? 256) - 3 }, () => 0)
]

/** The canned refusal, with nothing counted, after that many words of an answer (when streamed). */
export const filters =
  (refusal: string, after: string = ""): Answer =>
  ({ isStream }) => {
    const last = envelope({
      text: refusal,
      status: "ALTERNATIVE_STATUS_CONTENT_FILTER",
      usage: { input: 0, completion: 0 },
      modelVersion: ""
    })
    const before = after === "" ? [] : [envelope({ text: after, status: partial, usage: { input: 9, completion: 4 } })]
    return isStream ? lines([...before, last]) : Scripted.json(200, last, headers)
  }

const errorBody = ({ grpcCode, httpCode, message }: Refused) => ({
  error: { grpcCode, httpCode, message, httpStatus: `Status ${httpCode}`, details: [] }
})

/** An ordinary refusal in the shape of the REST services. */
export const refuses =
  (httpCode: number, grpcCode: number, message: string): Answer =>
  () =>
    Scripted.json(httpCode, errorBody({ grpcCode, httpCode, message }), headers)

export const gaugeQuota: Answer = refuses(
  429,
  8,
  "ai.textGenerationCompletionSessionsCount.count gauge quota limit exceed: allowed 10 requests"
)

/** A 200 whose stream says part of a text, and then that it failed. */
export const breaksAfter =
  (text: string, httpCode: number, grpcCode: number, message: string): Answer =>
  () =>
    lines([envelope({ text, status: partial }), errorBody({ grpcCode, httpCode, message })])

// The service

const models = new Set([
  "yandexgpt",
  "yandexgpt-lite",
  "yandexgpt-32k",
  "yandexgpt-5.1",
  "yandexgpt-5-pro",
  "aliceai-llm"
])
const embeddingModels = new Set(["text-search-doc", "text-search-query", "text-embeddings-v2-doc"])
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const audience = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
const accountKey = { id: "ajkscriptedkey000001", service_account_id: "ajescriptedaccount01", key_algorithm: "RSA_2048" }
const skewSeconds = 60

const rsa = (() => {
  let made: { readonly publicKey: string; readonly privateKey: string } | undefined
  // One for all tests that want one: making it takes longer than most of them.
  return () =>
    (made ??= generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" }
    }))
})()

export const make = Effect.fnUntraced(function* (
  options: { readonly tokenLifeSeconds?: number } = {}
): Effect.fn.Return<YandexUpstream, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const nowSeconds = () => clock.currentTimeMillisUnsafe() / 1000
  const folderId = "b1gscripted000000001"
  const apiKey = "AQVN-scripted-key-0123456789abcdef"
  const userToken = "t1.scripted-person"
  const answers: Array<Answer> = []
  const tokenAnswers: Array<Scripted.Step> = []
  const issued = new Map<string, number>()
  const completions: Array<Scripted.Received> = []
  const embeddings: Array<Scripted.Received> = []
  const embeddingAnswers: Array<(embedding: Embedding) => Scripted.Step> = []
  const tokenRequests: Array<Scripted.Received> = []
  let issuedCount = 0

  const unauthenticated = (message: string): Refused => ({ grpcCode: 16, httpCode: 401, message })

  const checkCaller = (request: Scripted.Received): Refused | undefined => {
    const authorization = request.headers.authorization ?? ""
    const folder = request.headers["x-folder-id"]
    if (authorization === `Bearer ${userToken}`) {
      return folder === folderId ? undefined : { grpcCode: 3, httpCode: 400, message: "Folder ID must be specified" }
    }
    if (folder !== undefined && folder !== folderId) {
      const message = `Specified folder ID '${String(folder)}' does not match with service account folder ID '${folderId}'`
      return { grpcCode: 3, httpCode: 400, message }
    }
    if (authorization.startsWith("Api-Key ")) {
      return authorization === `Api-Key ${apiKey}`
        ? undefined
        : unauthenticated(`Unknown api key '${authorization.slice(8)}'`)
    }
    const endsAt = issued.get(authorization.replace(/^Bearer /, ""))
    if (endsAt === undefined) return unauthenticated("The token is invalid")
    return nowSeconds() < endsAt ? undefined : unauthenticated("The token has expired")
  }

  const refuse = (refused: Refused) => Scripted.json(refused.httpCode, errorBody(refused), headers)

  /** Who calls, before what is asked. */
  const checked = (request: Scripted.Received): Refused | undefined => {
    const clientRequestId = request.headers["x-client-request-id"]
    return (
      checkCaller(request) ??
      (clientRequestId === undefined || uuid.test(String(clientRequestId))
        ? undefined
        : { grpcCode: 3, httpCode: 400, message: "x-client-request-id is not a UUID" })
    )
  }

  const complete = (request: Scripted.Received): Scripted.Step => {
    const completion = checked(request) ?? readCompletion(request.body, folderId, models)
    if ("httpCode" in completion) return refuse(completion)
    return (answers.shift() ?? says(defaultAnswer))(completion)
  }

  const embed = (request: Scripted.Received): Scripted.Step => {
    const embedding = checked(request) ?? readEmbedding(request.body, folderId, embeddingModels)
    if ("httpCode" in embedding) return refuse(embedding)
    const scripted = embeddingAnswers.shift()
    if (scripted !== undefined) return scripted(embedding)
    const numTokens = String(words(embedding.text).length)
    return Scripted.json(200, { embedding: vectorOf(embedding), numTokens, modelVersion: "06.12.2023" }, headers)
  }

  const refuseToken = (message: string) => Scripted.json(401, { code: 16, message, details: [] })

  const issue = (request: Scripted.Received): Scripted.Step => {
    const scripted = tokenAnswers.shift()
    if (scripted !== undefined) return scripted
    const fault = assertionFault(request.body, nowSeconds())
    if (fault !== undefined) return refuseToken(fault)
    const token = `t1.scripted-${++issuedCount}`
    const endsAt = nowSeconds() + (options.tokenLifeSeconds ?? 12 * 3600)
    issued.set(token, endsAt)
    const expiresAt = new Date(endsAt * 1000).toISOString().replace("Z", "456789Z")
    return Scripted.json(200, { iamToken: token, expiresAt })
  }

  const server = yield* Scripted.make((request) => {
    const route = `${request.method} ${request.path}`
    if (route === "POST /foundationModels/v1/completion") {
      completions.push(request)
      return complete(request)
    }
    if (route === "POST /foundationModels/v1/textEmbedding") {
      embeddings.push(request)
      return embed(request)
    }
    if (route === "POST /iam/v1/tokens") {
      tokenRequests.push(request)
      return issue(request)
    }
    return Scripted.json(404, { code: 5, message: "Not Found", details: [] })
  })

  return {
    baseUrl: server.url,
    iamUrl: `${server.url}/iam/v1/tokens`,
    apiKey,
    userToken,
    folderId,
    completions,
    embeddings,
    tokenRequests,
    next: (...more) => answers.push(...more),
    nextEmbedding: (...more) => embeddingAnswers.push(...more),
    nextToken: (...more) => tokenAnswers.push(...more),
    revokeTokens: () => issued.clear(),
    keyFile: Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "xrouter-yandex-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      ),
      (folder) => {
        const file = join(folder, "key.json")
        writeFileSync(file, keyFileText())
        return file
      }
    )
  }
})

/** As `yc iam key create` writes it, the warning before the PEM included. */
export const keyFileText = (): string => {
  const { publicKey, privateKey } = rsa()
  const warning = `PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <${accountKey.id}>\n`
  return JSON.stringify({ ...accountKey, public_key: publicKey, private_key: warning + privateKey })
}

/** What IAM would say against the statement of a service account, if anything. */
const assertionFault = (body: unknown, nowSeconds: number): string | undefined => {
  const jwt = typeof body === "object" && body !== null && "jwt" in body ? body.jwt : undefined
  const [header, claims, signature, ...more] = typeof jwt === "string" ? jwt.split(".") : []
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0)
    return "JWT is malformed"
  const { typ, alg, kid } = decoded(header)
  if (typ !== "JWT" || alg !== "PS256" || kid !== accountKey.id) return "JWT header is not accepted"
  const isGenuine = verify(
    "sha256",
    Buffer.from(`${header}.${claims}`),
    { key: createPublicKey(rsa().publicKey), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    Buffer.from(signature, "base64url")
  )
  if (!isGenuine) return "JWT signature is not valid"
  const { iss, aud, iat, exp } = decoded(claims)
  if (iss !== accountKey.service_account_id || aud !== audience) return "JWT issuer or audience is not accepted"
  if (!Number.isInteger(iat) || !Number.isInteger(exp)) return "JWT times are not whole seconds"
  if (Number(iat) > nowSeconds + skewSeconds || Number(exp) <= nowSeconds) return "JWT is not valid now"
  return Number(exp) - Number(iat) > 3600 ? "JWT lives too long" : undefined
}

const decoded = (part: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(part, "base64url").toString("utf8"))
