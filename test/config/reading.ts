import { ConfigProvider, Effect, FileSystem, PlatformError } from "effect"
import type { Fault } from "../../src/config/Faults.ts"
import { Settings, type SettingsValue } from "../../src/config/Settings.ts"

/** The settings that an environment and some files (by their paths) make, nothing else being there. */
export const read = (environment: Record<string, string>, files: Record<string, string> = {}) =>
  Settings.pipe(
    Effect.map((settings): SettingsValue => settings),
    Effect.provide(Settings.layer),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(environment)),
    Effect.provideService(FileSystem.FileSystem, filesOf(files))
  )

export const readFile = (yaml: string, environment: Record<string, string> = {}, files: Record<string, string> = {}) =>
  read(environment, { ...files, "xrouter.yaml": yaml })

/** The faults of a configuration that must have some. */
export const faultsOf = (
  environment: Record<string, string>,
  files: Record<string, string> = {}
): Effect.Effect<ReadonlyArray<string>, SettingsValue> =>
  read(environment, files).pipe(
    Effect.flip,
    Effect.map(({ faults }) => faults.map(({ at, message }: Fault) => `${at}: ${message}`))
  )

/** Files by their paths; what is written into the record later is there too. */
export const filesOf = (files: Record<string, string>): FileSystem.FileSystem => {
  const content = (path: string): Effect.Effect<string, PlatformError.PlatformError> =>
    Effect.suspend(() => {
      const text = files[path]
      return text === undefined
        ? Effect.fail(
            PlatformError.systemError({
              _tag: "NotFound",
              module: "FileSystem",
              method: "readFile",
              pathOrDescriptor: path
            })
          )
        : Effect.succeed(text)
    })
  return FileSystem.makeNoop({
    readFileString: content,
    readFile: (path) => content(path).pipe(Effect.map((text) => new TextEncoder().encode(text)))
  })
}
