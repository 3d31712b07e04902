import { Effect } from "effect"
import type { ProviderError } from "../domain/Errors.ts"
import type { Credentials } from "./Credentials.ts"

/**
 * Sends with our credentials, and once more with fresh ones where the upstream refuses those (401) and the credentials say that
 * this makes sense. `drop` lets go of the refused answer.
 */
export const authorized = <A extends { readonly status: number }, R>(
  credentials: Credentials,
  send: (proof: Readonly<Record<string, string>>) => Effect.Effect<A, ProviderError, R>,
  drop: (answer: A) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<A, ProviderError, R> =>
  Effect.flatMapEager(credentials.headers, (proof) =>
    Effect.flatMap(send(proof), (answer) =>
      answer.status === 401
        ? Effect.flatMap(credentials.refused(proof), (isReplay) =>
            isReplay ? Effect.flatMap(Effect.andThen(drop(answer), credentials.headers), send) : Effect.succeed(answer)
          )
        : Effect.succeed(answer)
    )
  )
