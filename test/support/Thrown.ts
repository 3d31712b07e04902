import { Effect } from "effect"

/** What a client throws, as it is; undefined where it throws nothing. */
export const thrown = (call: () => PromiseLike<unknown>) =>
  Effect.promise(() =>
    Promise.resolve()
      .then(call)
      .then(
        () => undefined,
        (error: unknown) => error
      )
  )
