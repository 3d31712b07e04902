import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Ledger } from "../ledger/Ledger.ts"
import { Api } from "./Api.ts"
import { CurrentPrincipal } from "./Authorization.ts"
import { callBody } from "./UsageBody.ts"

export const GenerationHandlers = HttpApiBuilder.group(
  Api,
  "generation",
  Effect.fn(function* (handlers) {
    const ledger = yield* Ledger

    return handlers.handleAll({
      getGeneration: Effect.fn(function* ({ query: { id } }) {
        const { userId } = yield* CurrentPrincipal
        return { data: callBody(yield* ledger.find(userId, id)) }
      })
    })
  })
)
