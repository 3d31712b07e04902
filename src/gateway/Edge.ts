import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { type Cause, Clock, Context, Effect, type Exit, Scope } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { IncomingMessage } from "node:http"
import { Settings, type SettingsValue } from "../config/Settings.ts"
import { ValidationError, type XRouterError } from "../domain/Errors.ts"
import type { Place } from "../domain/Roster.ts"
import { Limits } from "../limits/Limits.ts"
import { annotationsOf } from "../telemetry/RequestAnnotations.ts"
import { callersContext } from "../telemetry/TraceContext.ts"
import { Tracing } from "../telemetry/Tracing.ts"
import { clientAddress } from "./ClientAddress.ts"
import { cors } from "./Cors.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { errorOf } from "./Failure.ts"
import { makeRequestId } from "./Ids.ts"
import { inferenceRoutes } from "./InferenceRoutes.ts"
import { rateHeaders } from "./RateHeaders.ts"
import { unsupportedMediaType } from "./RequestBody.ts"
import { tooLarge } from "./RequestBytes.ts"
import { type OpenRequest, OpenRequests } from "./OpenRequests.ts"
import { CurrentRequest, RequestContext } from "./RequestContext.ts"
import { RequestReport } from "./RequestReport.ts"
import type { RouteTable } from "./RouteTable.ts"
import { headerFault } from "./RequestHeaders.ts"

/**
 * Around every request: gives it an id, refuses what is wrong with its line, headers and declared size, turns every failure into
 * the one envelope, and sees that it is told of when its answer has gone.
 */
export const layer = (routes: RouteTable) =>
  HttpRouter.middleware<{ provides: CurrentRequest }>()(
    Effect.gen(function* () {
      const settings = yield* Settings
      const report = yield* RequestReport
      const limits = yield* Limits
      const open = yield* OpenRequests
      const { begin: beginTrace } = yield* Tracing
      const clock = yield* Clock.Clock
      let { providers } = settings
      let isTraceHandedOn = isTraceWanted(providers)
      const addressOf = clientAddress(settings.trustedProxies)
      const access = cors(settings.corsOrigins)
      const resourceMetadata = `${settings.publicUrl}/.well-known/oauth-protected-resource/v1`

      const finish = (
        context: RequestContext,
        origin: string | undefined,
        response: HttpServerResponse.HttpServerResponse
      ) => {
        context.status = response.status
        const { headers } = context
        headers["x-request-id"] = context.requestId
        if (context.isDegraded) headers["x-xrouter-degraded"] = "rate-limit"
        if (context.windows !== undefined) rateHeaders(context.windows, clock.currentTimeMillisUnsafe(), headers)
        // No cache keeps an answer to POST that does not say for how long it is good (RFC 9110, section 9.3.3), and ours does not.
        if (origin !== undefined || context.method !== "POST") {
          Object.assign(headers, access.headers(context.path, origin))
        }
        return HttpServerResponse.setHeaders(response, headers)
      }

      const refused = (context: RequestContext, error: XRouterError) => {
        context.error = error
        return errorResponse(error, { requestId: context.requestId, traceId: context.trace?.traceId, resourceMetadata })
      }

      const failed = (context: RequestContext, cause: Cause.Cause<unknown>) => {
        const error = errorOf(cause)
        if (error === undefined) return Effect.failCause(cause)
        const known =
          error._tag === "ValidationError" && error.reason === "not_found" ? misrouted(context, error) : error
        const response = Effect.as(standing(context), refused(context, known))
        // The other failures are told by the request's own line; an outage must not write a stack for each request.
        return known.reason === "unexpected"
          ? Effect.andThen(
              Effect.logError("A request failed", cause).pipe(
                Effect.annotateLogs(annotationsOf(context.requestId, context.trace))
              ),
              response
            )
          : response
      }

      /** Whoever is refused before the limits are asked is told of them all the same; it costs nothing of them. */
      const standing = (context: RequestContext): Effect.Effect<void> => {
        const { principal, route, windows } = context
        if (windows !== undefined || principal === undefined || !inferenceRoutes.has(route)) return Effect.void
        return Effect.match(limits.standing(principal), {
          onFailure: () => undefined,
          onSuccess: ({ windows }) => {
            context.windows = windows
          }
        })
      }

      /** The typed endpoints' own refusal of a media type, which is plain text. */
      const enveloped = (context: RequestContext, response: HttpServerResponse.HttpServerResponse) =>
        response.status === 415 &&
        response.body._tag === "Uint8Array" &&
        response.body.contentType.startsWith("text/plain")
          ? refused(context, unsupportedMediaType)
          : response

      /** A path that exists, asked with a method that it does not have. */
      const misrouted = (context: RequestContext, error: ValidationError): ValidationError => {
        const route = routes.find(context.path)
        if (route === undefined || route.methods.includes(context.method)) return error
        return new ValidationError({
          reason: "method_not_allowed",
          message: `${context.method} is not a method of this path`,
          allow: [...route.methods, "OPTIONS"]
        })
      }

      const refusal = (
        { headers, rawHeaders }: Pick<IncomingMessage, "headers" | "rawHeaders">,
        context: RequestContext
      ): HttpServerResponse.HttpServerResponse | undefined => {
        const fault = headerFault(rawHeaders)
        if (fault !== undefined) return refused(context, fault)
        const length = headers["content-length"]
        if (length !== undefined && Number(length) > settings.maxBody) return refused(context, tooLarge)
        if (context.method !== "OPTIONS") return undefined
        const methods = routes.find(context.path)?.methods
        if (methods === undefined) return undefined
        const { origin } = headers
        return origin === undefined || headers["access-control-request-method"] === undefined
          ? HttpServerResponse.empty({ status: 204, headers: { allow: [...methods, "OPTIONS"].join(", ") } })
          : access.preflight({
              path: context.path,
              origin,
              methods,
              requestedHeaders: headers["access-control-request-headers"]
            })
      }

      /** The one finalizer of a request: a scope with more of them makes a ceremony of its end. */
      const end = (context: RequestContext, place: Place<OpenRequest>, exit: Exit.Exit<unknown, unknown>) =>
        context.releases.reduceRight(
          (before: Effect.Effect<void>, release) => Effect.ensuring(before, release),
          Effect.sync(() => {
            open.leave(place)
            report.tell(context, exit)
          })
        )

      return (httpEffect) =>
        Effect.contextWith((services: Context.Context<HttpServerRequest.HttpServerRequest | Scope.Scope>) => {
          const request = Context.get(services, HttpServerRequest.HttpServerRequest)
          // Node's own headers: the request's are a copy of them, made when they are asked for.
          const source = NodeHttpServerRequest.toIncomingMessage(request)
          const { origin } = source.headers
          const query = request.url.indexOf("?")
          const path = query === -1 ? request.url : request.url.slice(0, query)
          const context = new RequestContext({
            requestId: makeRequestId(),
            method: request.method,
            path,
            route: routes.find(path)?.pattern ?? "unknown",
            ip: addressOf(source.socket.remoteAddress, oneOf(source.headers["x-forwarded-for"])),
            arrivedAt: Number(clock.monotonicTimeNanosUnsafe()) / 1e6
          })
          if (beginTrace !== undefined && !probes.has(context.route)) {
            context.trace = beginTrace(oneOf(source.headers["traceparent"]), oneOf(source.headers["tracestate"]))
          }
          // The file was read again.
          if (providers !== settings.providers) isTraceHandedOn = isTraceWanted((providers = settings.providers))
          if (isTraceHandedOn) {
            context.traceContext =
              context.trace ?? callersContext(oneOf(source.headers["traceparent"]), oneOf(source.headers["tracestate"]))
          }
          const place = open.enter({ context, request })
          const done = (response: HttpServerResponse.HttpServerResponse) => finish(context, origin, response)
          const refusedAtOnce = refusal(source, context)
          const handled =
            refusedAtOnce === undefined
              ? Effect.provideService(
                  Effect.matchCauseEffect(httpEffect, {
                    onSuccess: (response) => Effect.succeed(done(enveloped(context, response))),
                    onFailure: (cause) => Effect.map(failed(context, cause), done)
                  }),
                  CurrentRequest,
                  context
                )
              : Effect.succeed(done(refusedAtOnce))
          return Effect.andThen(
            Scope.addFinalizerExit(Context.get(services, Scope.Scope), (exit) => end(context, place, exit)),
            handled
          )
        })
    }),
    { global: true }
  )

/** Whether one of them is told which trace a request belongs to. */
const isTraceWanted = (providers: SettingsValue["providers"]): boolean =>
  Array.from(providers.values()).some((provider) => "propagateTrace" in provider && provider.propagateTrace === true)

/** Asked again and again by what watches us: nobody looks for their traces. */
const probes = new Set(["/health", "/health/live", "/health/ready", "/metrics"])

/** Node joins the fields of one name, save those of cookies. */
const oneOf = (header: string | Array<string> | undefined): string | undefined =>
  typeof header === "string" ? header : header?.join(", ")
