import { Effect } from "effect"
import type { AuthorizationRequests } from "../oauth/AuthorizationRequests.ts"
import { endpoints } from "../oauth/Metadata.ts"
import { formTarget } from "../oauth/RedirectUri.ts"
import { requestParameters } from "../oauth/RequestParameters.ts"

/** Where the redirects after a form may lead that returns to `path`: the page's policy has to allow it. */
export const formTargetsOf = Effect.fnUntraced(function* (
  requests: AuthorizationRequests["Service"],
  path: string | undefined
) {
  const start = `${endpoints.authorization}?`
  if (path === undefined || !path.startsWith(start)) return []
  return yield* requests.read(requestParameters(path.slice(start.length))).pipe(
    Effect.map(({ redirectUri }) => [formTarget(redirectUri)]),
    Effect.catchTags({
      RefusedToClient: ({ redirectUri }) => Effect.succeed([formTarget(redirectUri)]),
      RefusedOnPage: () => Effect.succeed([])
    })
  )
})
