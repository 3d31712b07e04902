import { Context, Layer } from "effect"
import type { HttpServerRequest } from "effect/http"
import type { RequestContext } from "./RequestContext.ts"

/** The requests whose answers are not whole yet. The edge enters each, and takes it out when it has ended. */
export class OpenRequests extends Context.Service<
  OpenRequests,
  Map<RequestContext, HttpServerRequest.HttpServerRequest>
>()("xrouter/gateway/OpenRequests") {
  static readonly layer = Layer.sync(OpenRequests, () => new Map())
}
