import { chatRoute } from "./ChatRoute.ts"
import { responsesRequest } from "./ResponsesBody.ts"
import { inResponsesWords } from "./ResponsesRefusal.ts"

export const ResponsesRoute = chatRoute({
  path: "/v1/responses",
  read: responsesRequest,
  chat: ({ chat }) => chat,
  form: ({ form }) => form,
  translate: inResponsesWords
})
