import { Effect } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import { TestClock } from "effect/testing"
import type { Duration } from "effect"
import { eventually } from "../support/Eventually.ts"

/** What a collector does with a batch: answers a status, is away, or says nothing. */
export type Answer = number | "down" | "never"

export interface Sent {
  readonly url: string
  readonly text: string
  readonly bytes: Uint8Array
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** A client whose collector answers as told (the last answer again and again), and what was sent by it. */
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
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: answer })))
      }
      const reason = new HttpClientError.TransportError({ request, description: "refused" })
      return Effect.fail(new HttpClientError.HttpClientError({ reason }))
    })
  )
  return { client, sent }
}

/** An answer's body is read by promises, between which the clock must go on. */
export const goesOn = (by: Duration.Input, isDone: () => boolean) =>
  eventually(Effect.map(TestClock.adjust(by), isDone))
