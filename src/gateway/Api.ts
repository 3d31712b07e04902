import { HttpApi, OpenApi } from "effect/http-api"
import { AdminApi, closedBodies } from "./AdminApi.ts"
import { ChatApi } from "./ChatApi.ts"
import { EmbeddingsApi } from "./EmbeddingsApi.ts"
import { ClientsApi, closedClientBodies } from "./ClientsApi.ts"
import { CompletionsApi } from "./CompletionsApi.ts"
import { GenerationApi } from "./GenerationApi.ts"
import { HealthApi } from "./HealthApi.ts"
import { closedKeyBodies, KeysApi } from "./KeysApi.ts"
import { ModelsApi } from "./ModelsApi.ts"
import { withOAuth } from "./OAuthSecurity.ts"
import { OwnKeyApi } from "./OwnKeyApi.ts"
import { openObjects } from "./OpenObjects.ts"
import { ProvidersStatusApi } from "./ProvidersStatusApi.ts"
import { RaisedErrors } from "./RaisedErrors.ts"
import { ResponsesApi } from "./ResponsesApi.ts"
import { UsageApi } from "./UsageApi.ts"

/** What is served through its declaration; see `ChatRoute.ts` for what is not. */
export class TypedApi extends HttpApi.make("xrouter")
  .add(ModelsApi)
  .add(ProvidersStatusApi)
  .add(GenerationApi)
  .add(OwnKeyApi)
  .add(HealthApi)
  .add(AdminApi)
  .add(ClientsApi)
  .add(KeysApi)
  .add(UsageApi)
  .middleware(RaisedErrors) {}

const closed = openObjects(new Set([...closedBodies, ...closedClientBodies, ...closedKeyBodies]))

/** The whole HTTP surface, from which `/openapi.json`, `/docs` and the typed client come. */
export class Api extends TypedApi.add(ChatApi)
  .add(EmbeddingsApi)
  .add(CompletionsApi)
  .add(ResponsesApi)
  .annotateMerge(
    OpenApi.annotations({
      title: "XRouter",
      version: "0.1.0",
      description: "An OpenAI-compatible gateway for language models, GigaChat and YandexGPT first.",
      transform: (document) => withOAuth(closed(document))
    })
  ) {}
