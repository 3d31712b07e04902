import { Effect, Latch } from "effect"
import * as Scripted from "./ScriptedUpstream.ts"

const chunk = (delta: object, finish: string | null = null) =>
  Scripted.frame({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "any",
    choices: [{ index: 0, delta, finish_reason: finish }]
  })

/** A stream of OpenAI's that says "one", stands until the latch is open, and then says " two" and ends. */
export const heldStream = (goOn: Latch.Latch, reached?: Latch.Latch): Scripted.Step =>
  Scripted.steps(
    Scripted.sseHead,
    chunk({ role: "assistant", content: "one" }),
    ...(reached === undefined ? [] : [Scripted.tell(reached)]),
    Scripted.wait(goOn),
    chunk({ content: " two" }, "stop"),
    Scripted.frame("[DONE]"),
    Scripted.end
  )

/** What a client must have got of it. */
export const wholeHeldStream = /"one"[^]*" two"[^]*data: \[DONE\]\n\n$/

/** An OpenAI-compatible upstream that answers with such a stream; `reached` is open once one has begun. */
export const heldUpstream = Effect.gen(function* () {
  const [reached, goOn] = [yield* Latch.make(), yield* Latch.make()]
  const { url } = yield* Scripted.make(({ path }) =>
    path === "/models" ? Scripted.json(200, { object: "list", data: [] }) : heldStream(goOn, reached)
  )
  return { url, reached, goOn }
})
