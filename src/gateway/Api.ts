import { HttpApi, OpenApi } from "effect/http-api"
import { AdminApi, closedBodies } from "./AdminApi.ts"
import { ChatApi } from "./ChatApi.ts"
import { HealthApi } from "./HealthApi.ts"
import { ModelsApi } from "./ModelsApi.ts"
import { openObjects } from "./OpenObjects.ts"
import { RaisedErrors } from "./RaisedErrors.ts"

/** What is served through its declaration; see `ChatRoute.ts` for what is not. */
export class TypedApi extends HttpApi.make("xrouter")
  .add(ModelsApi)
  .add(HealthApi)
  .add(AdminApi)
  .middleware(RaisedErrors) {}

/** The whole HTTP surface, from which `/openapi.json`, `/docs` and the typed client come. */
export class Api extends TypedApi.add(ChatApi).annotateMerge(
  OpenApi.annotations({
    title: "XRouter",
    version: "0.1.0",
    description: "An OpenAI-compatible gateway for language models, GigaChat and YandexGPT first.",
    transform: openObjects(closedBodies)
  })
) {}
