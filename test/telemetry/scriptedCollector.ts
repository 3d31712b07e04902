import { Duration, Effect, Logger, Redacted } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import { TestClock } from "effect/testing"
import type { Collecting } from "../../src/telemetry/Collecting.ts"
import { eventually } from "../support/Eventually.ts"

/** How a signal goes to the scripted collector. */
export const collecting = (signal: "traces" | "metrics" | "logs"): Collecting => ({
  endpoint: `http://collector/v1/${signal}`,
  headers: Redacted.make([["authorization", "Bearer secret-of-the-collector"]]),
  protocol: "http/json",
  timeout: Duration.seconds(10),
  resource: new Map([["service.name", "ai"]])
})

/** What a collector does with a batch: answers, with a status alone or more; is away, or says nothing. */
export type Answer =
  | number
  | "down"
  | "never"
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Uint8Array<ArrayBuffer>
    }

export interface Sent {
  readonly url: string
  readonly text: string
  readonly bytes: Uint8Array
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** A client whose collector answers as told (the last answer again and again), what was sent by it, and a log for what is said of it. */
export const scriptedCollector = (answers: Array<Answer>) => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request) =>
    Effect.suspend(() => {
      const { body, url } = request
      if (body._tag !== "Uint8Array") return Effect.die(`a body that is ${body._tag}`)
      const headers = { ...request.headers, type: body.contentType }
      sent.push({ url, bytes: body.body, text: new TextDecoder().decode(body.body), headers })
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      if (answer === "never") return Effect.never
      if (typeof answer === "number") {
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("", { status: answer })))
      }
      if (typeof answer === "object") {
        const { body = "", headers = {}, status } = answer
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body, { status, headers })))
      }
      const reason = new HttpClientError.TransportError({ request, description: "refused" })
      return Effect.fail(new HttpClientError.HttpClientError({ reason }))
    })
  )
  const logged: Array<string> = []
  const log = Logger.layer([Logger.make<unknown, void>(({ message }) => void logged.push(String(message)))])
  return { client, log, logged, sent }
}

/** An answer's body is read by promises, between which the clock must go on. */
export const goesOn = (by: Duration.Input, isDone: () => boolean) =>
  eventually(Effect.map(TestClock.adjust(by), isDone))
