import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { authErrors, requestErrors } from "./ErrorSchemas.ts"

/** The administrator's one key, as a bearer credential. */
export class AdminAuthorization extends HttpApiMiddleware.Service<AdminAuthorization>()(
  "xrouter/gateway/AdminAuthorization",
  {
    requiredForClient: true,
    security: {
      adminKey: HttpApiSecurity.bearer.pipe(
        HttpApiSecurity.annotateMerge(
          OpenApi.annotations({ description: "`XROUTER_ADMIN_KEY`, or the content of `admin.key` in the data folder" })
        )
      )
    },
    error: [...authErrors, ...requestErrors]
  }
) {}
