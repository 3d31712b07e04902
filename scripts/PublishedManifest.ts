import { Effect, FileSystem } from "effect"

/** Of the checkout: how it is worked on, and the Node that it brings for machines with an older one (decision 0006). */
const ofTheCheckout = new Set(["devDependencies", "optionalDependencies", "scripts"])

/** What an application's npm is told of the package. */
export const publishedManifest = (text: string): string => {
  const manifest: Readonly<Record<string, unknown>> = JSON.parse(text)
  const kept = Object.entries(manifest).filter(([name]) => !ofTheCheckout.has(name))
  return `${JSON.stringify(Object.fromEntries(kept), undefined, 2)}\n`
}

/** Where the checkout's own lies while npm packs the other. */
const keptIn = (root: string) => `${root}/.cache/package.json`

/** Puts the published manifest in place of the checkout's own; of one that was left there by a run that was cut short, nothing is lost. */
export const publish = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  yield* restore(root)
  yield* fs.makeDirectory(`${root}/.cache`, { recursive: true })
  yield* fs.copyFile(`${root}/package.json`, keptIn(root))
  yield* fs.writeFileString(`${root}/package.json`, publishedManifest(yield* fs.readFileString(keptIn(root))))
})

export const restore = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  if (yield* fs.exists(keptIn(root))) yield* fs.rename(keptIn(root), `${root}/package.json`)
})
