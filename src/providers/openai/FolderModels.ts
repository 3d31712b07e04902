import { Effect } from "effect"
import { ValidationError } from "../../domain/Errors.ts"
import type { Provider, ProviderModel } from "../Provider.ts"

/**
 * Yandex Cloud names its models by URI, in the folder that runs and pays for them: `gpt://<folder>/<name>/<version>` and `emb://…`.
 * Callers name them without folder; a whole URI is taken only within the configured one: through another a caller could try the
 * rights of our credentials.
 */
export const inFolder = (provider: Provider, folder: string): Provider => {
  const { embed, prepare } = provider

  const uriOf = (scheme: "gpt" | "emb", model: string): Effect.Effect<string, ValidationError> => {
    const own = `${scheme}://${folder}/`
    if (!model.includes("://")) return Effect.succeed(own + model)
    return model.startsWith(own) ? Effect.succeed(model) : Effect.fail(foreign(provider.name, model))
  }

  return {
    ...provider,
    prepare: (call) => Effect.flatMapEager(uriOf("gpt", call.model), (model) => prepare({ ...call, model })),
    ...(embed === undefined
      ? {}
      : { embed: (call) => Effect.flatMapEager(uriOf("emb", call.model), (model) => embed({ ...call, model })) }),
    models: Effect.map(provider.models, (models) => models.map((model) => named(model, folder)))
  }
}

const foreign = (provider: string, model: string) =>
  new ValidationError({
    reason: "model_not_found",
    message: `The model \`${model.slice(0, 200)}\` does not exist or you do not have access to it`,
    param: "model",
    provider
  })

const named = (model: ProviderModel, folder: string): ProviderModel => {
  const [chat, embedding] = [`gpt://${folder}/`, `emb://${folder}/`]
  if (model.id.startsWith(chat)) return { ...model, id: model.id.slice(chat.length) }
  return model.id.startsWith(embedding)
    ? { ...model, id: model.id.slice(embedding.length), purpose: "embedding" }
    : model
}
