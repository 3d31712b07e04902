import { Context, Layer } from "effect"
import type { HttpServerRequest } from "effect/http"
import { Roster } from "../domain/Roster.ts"
import type { RequestContext } from "./RequestContext.ts"

export interface OpenRequest {
  readonly context: RequestContext
  readonly request: HttpServerRequest.HttpServerRequest
}

/** The requests whose answers are not whole yet. The edge enters each, and takes it out when it has ended. */
export class OpenRequests extends Context.Service<OpenRequests, Roster<OpenRequest>>()("xrouter/gateway/OpenRequests") {
  static readonly layer = Layer.sync(OpenRequests, () => new Roster())
}
