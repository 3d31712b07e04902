import { Config, Context, Effect, Layer, Redacted, Result, Schema, Stream } from "effect"
import * as Sse from "effect/encoding/Sse"
import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { HttpApiClient, HttpApiMiddleware } from "effect/http-api"
import type { ChatRequest } from "./domain/ChatRequest.ts"
import type { XRouterError } from "./domain/Errors.ts"
import { AdminAuthorization } from "./gateway/AdminAuthorization.ts"
import { Api } from "./gateway/Api.ts"
import { Authorization } from "./gateway/Authorization.ts"
import { Usage } from "./gateway/ChatApi.ts"
import { authErrors, inferenceErrors, requestErrors } from "./gateway/ErrorSchemas.ts"
import { KeysAuthorization } from "./gateway/KeysAuthorization.ts"

export { AuthError, InternalError, ProviderError, RateLimitError, ValidationError } from "./domain/Errors.ts"
export type { ChatRequest, XRouterError }
export { Api }

export interface ClientOptions {
  /** Of the gateway, without `/v1`. */
  readonly baseUrl: string
  /** An API key or an OAuth token. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** For `client.admin` and `client.clients`. */
  readonly adminKey?: Redacted.Redacted | undefined
}

/** A piece of a streamed answer (OpenAI, "The chat completion chunk object"); what else it holds is left out. */
export const ChatChunk = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion.chunk"),
  /** Unix seconds. */
  created: Schema.Int,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      index: Schema.Int,
      delta: Schema.Struct({
        role: Schema.optionalKey(Schema.String),
        content: Schema.optionalKey(Schema.NullOr(Schema.String)),
        reasoning_content: Schema.optionalKey(Schema.String),
        tool_calls: Schema.optionalKey(
          Schema.Array(
            Schema.Struct({
              index: Schema.Int,
              id: Schema.optionalKey(Schema.String),
              type: Schema.optionalKey(Schema.Literals(["function", "custom"])),
              function: Schema.optionalKey(
                Schema.Struct({ name: Schema.optionalKey(Schema.String), arguments: Schema.optionalKey(Schema.String) })
              ),
              custom: Schema.optionalKey(
                Schema.Struct({ name: Schema.optionalKey(Schema.String), input: Schema.optionalKey(Schema.String) })
              )
            })
          )
        )
      }),
      finish_reason: Schema.NullOr(Schema.String)
    })
  ),
  /** In the last piece, where `stream_options.include_usage` asks for it. */
  usage: Schema.optionalKey(Schema.NullOr(Usage))
}).annotate({ identifier: "ChatChunk" })
export type ChatChunk = typeof ChatChunk.Type

/** A stream stopped before it was told to be at its end: a connection that broke, mostly. */
export class AnswerCutOff extends Schema.TaggedError<AnswerCutOff>()("AnswerCutOff", { message: Schema.String }) {}

/** The gateway refused, or there was no answer that could be read to its end. */
export type ClientError = XRouterError | AnswerCutOff | HttpClientError.HttpClientError | Schema.SchemaError

/** Every endpoint of the gateway, by the groups of its document (`/openapi.json`): `client.models.listModels()`. */
export type Endpoints = HttpApiClient.ForApi<typeof Api>

export interface XRouterClientShape extends Endpoints {
  /** A chat as it is answered, piece by piece. Ending the stream early ends the call. */
  readonly streamChat: (request: Omit<ChatRequest, "stream">) => Stream.Stream<ChatChunk, ClientError>
}

/** The gateway's HTTP API. */
export class XRouterClient extends Context.Service<XRouterClient, XRouterClientShape>()("xrouter/client") {
  static readonly make = Effect.fnUntraced(function* ({ adminKey, apiKey, baseUrl }: ClientOptions) {
    const http = yield* HttpClient.HttpClient
    const endpoints = yield* HttpApiClient.make(Api, { baseUrl }).pipe(
      Effect.provide([
        HttpApiMiddleware.layerClient(Authorization, ({ next, request }) => next(withBearer(request, apiKey))),
        HttpApiMiddleware.layerClient(KeysAuthorization, ({ next, request }) => next(withBearer(request, apiKey))),
        HttpApiMiddleware.layerClient(AdminAuthorization, ({ next, request }) => next(withBearer(request, adminKey)))
      ])
    )
    const chat = HttpClientRequest.post(new URL("v1/chat/completions", withSlash(baseUrl)))
    return XRouterClient.of({
      ...endpoints,
      streamChat: (request) =>
        withBearer(chat, apiKey).pipe(
          HttpClientRequest.bodyJsonUnsafe({ ...request, stream: true }),
          http.execute,
          Effect.map(chunksOf),
          Stream.unwrap
        )
    })
  })

  static readonly layer = (options: ClientOptions): Layer.Layer<XRouterClient, never, HttpClient.HttpClient> =>
    Layer.effect(XRouterClient, XRouterClient.make(options))

  /** `XROUTER_URL`, `XROUTER_API_KEY` and `XROUTER_ADMIN_KEY`. */
  static readonly layerConfig = Layer.effect(
    XRouterClient,
    Effect.gen(function* () {
      const adminKey = yield* Config.option(Config.Redacted("XROUTER_ADMIN_KEY"))
      return yield* XRouterClient.make({
        baseUrl: yield* Config.String("XROUTER_URL"),
        apiKey: yield* Config.Redacted("XROUTER_API_KEY"),
        adminKey: adminKey._tag === "None" ? undefined : adminKey.value
      })
    })
  )
}

const withBearer = (request: HttpClientRequest.HttpClientRequest, token: Redacted.Redacted | undefined) =>
  token === undefined ? request : HttpClientRequest.bearerToken(request, token)

/** So that a path is added to the URL's own and does not replace its end. */
const withSlash = (url: string): string => (url.endsWith("/") ? url : `${url}/`)

/** The five, as the gateway writes them, whatever the status is. */
const Failure = Schema.fromJsonString(Schema.Union([...authErrors, ...requestErrors, ...inferenceErrors]))
const decodeFailure = Schema.decodeEffect(Failure)
const decodeChunk = Schema.decodeResult(Schema.fromJsonString(ChatChunk))

const chunksOf = (response: HttpClientResponse.HttpClientResponse): Stream.Stream<ChatChunk, ClientError> => {
  if (response.status !== 200) {
    return Stream.fromEffect(
      Effect.flatMap(response.text, (text) => Effect.flatMap(decodeFailure(text), (failure) => Effect.fail(failure)))
    )
  }
  return response.stream.pipe(
    Stream.decodeText(),
    Stream.pipeThroughChannel(Sse.decode()),
    Stream.catchTags({ Retry: () => Stream.empty, SseError: () => Stream.empty }),
    // Not pulled where the end has been told.
    Stream.concat(Stream.fail(new AnswerCutOff({ message: "The answer ended before its end" }))),
    Stream.map(({ data }) => data),
    Stream.takeUntil((data) => data === done),
    Stream.filter((data) => data !== done),
    Stream.mapEffect((data) => {
      const chunk = decodeChunk(data)
      return Result.isSuccess(chunk)
        ? Effect.succeed(chunk.success)
        : Effect.flatMap(decodeFailure(data), (failure) => Effect.fail(failure))
    })
  )
}

/** OpenAI, "Streaming": the last event's data. */
const done = "[DONE]"
