import { identity } from "effect"
import { chatRoute } from "./ChatRoute.ts"
import { completionsRequest } from "./CompletionsBody.ts"
import { completionsForm } from "./CompletionsForm.ts"

export const CompletionsRoute = chatRoute({
  path: "/v1/completions",
  read: completionsRequest,
  chat: identity,
  form: () => completionsForm
})
