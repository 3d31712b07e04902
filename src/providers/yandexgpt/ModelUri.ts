import { Result } from "effect"
import { ValidationError } from "../../domain/Errors.ts"

// A name is `yandexgpt`; a version is `latest`, `rc`, `deprecated` or a tuned one, `latest@suffix`.
const namePattern = /^([A-Za-z0-9][\w.-]*)(?:[/:]([A-Za-z0-9][\w.-]*(?:@[\w.-]+)?))?$/
const uriPattern = /^([a-z]+):\/\/([^/]*)\/(.*)$/s

/**
 * The URI of a model that writes, `gpt://<folder>/<name>[/<version>]`. Without a version the vendor takes `latest`. The version
 * follows a colon or a slash (`yandexgpt:rc`, `yandexgpt/rc`). A whole URI is taken only within the configured folder: through
 * another one a caller could try the rights of our credentials.
 */
export const modelUri = (provider: string, folderId: string, model: string): Result.Result<string, ValidationError> =>
  Result.map(parts("gpt", provider, folderId, model), ([name, version]) => uri("gpt", folderId, name, version))

/** The same of a model that embeds, `emb://<folder>/<name>/<version>`: the vendor writes a version in each. */
export const embeddingUri = (
  provider: string,
  folderId: string,
  model: string
): Result.Result<string, ValidationError> =>
  Result.map(parts("emb", provider, folderId, model), ([name, version]) =>
    uri("emb", folderId, name, version ?? "latest")
  )

/** A model's name without folder and version: `text-search-doc` of `emb://…/text-search-doc/latest`. */
export const modelName = (model: string): string => {
  const path = uriPattern.exec(model)?.[3] ?? model
  return namePattern.exec(path)?.[1] ?? path
}

const uri = (scheme: string, folderId: string, name: string, version: string | undefined) =>
  `${scheme}://${folderId}/${name}${version === undefined ? "" : `/${version}`}`

const parts = (
  own: string,
  provider: string,
  folderId: string,
  model: string
): Result.Result<readonly [name: string, version: string | undefined], ValidationError> => {
  const [, scheme, folder, path] = uriPattern.exec(model) ?? ["", own, folderId, model]
  const [, name, version] = namePattern.exec(path ?? "") ?? []
  return scheme !== own || folder !== folderId || name === undefined
    ? Result.fail(
        new ValidationError({
          reason: "model_not_found",
          message: `The model \`${model.slice(0, 200)}\` does not exist or you do not have access to it`,
          param: "model",
          provider
        })
      )
    : Result.succeed([name, version])
}
