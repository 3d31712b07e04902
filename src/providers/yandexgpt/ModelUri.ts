import { Result } from "effect"
import { ValidationError } from "../../domain/Errors.ts"

// A name is `yandexgpt`; a version is `latest`, `rc`, `deprecated` or a tuned one, `latest@suffix`.
const namePattern = /^([A-Za-z0-9][\w.-]*)(?:[/:]([A-Za-z0-9][\w.-]*(?:@[\w.-]+)?))?$/
const uriPattern = /^gpt:\/\/([^/]*)\/(.*)$/s

/**
 * The model's URI, `gpt://<folder>/<name>[/<version>]`. Without a version the vendor takes `latest`. The version follows a
 * colon or a slash (`yandexgpt:rc`, `yandexgpt/rc`). A whole URI is taken only within the configured folder: through
 * another one a caller could try the rights of our credentials.
 */
export const modelUri = (provider: string, folderId: string, model: string): Result.Result<string, ValidationError> => {
  const [, folder, path] = uriPattern.exec(model) ?? ["", folderId, model]
  const [, name, version] = namePattern.exec(path ?? "") ?? []
  if (folder !== folderId || name === undefined) {
    return Result.fail(
      new ValidationError({
        reason: "model_not_found",
        message: `The model \`${model.slice(0, 200)}\` does not exist or you do not have access to it`,
        param: "model",
        provider
      })
    )
  }
  return Result.succeed(`gpt://${folderId}/${name}${version === undefined ? "" : `/${version}`}`)
}
