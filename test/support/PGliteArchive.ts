import { PGlite } from "@electric-sql/pglite"
import { existsSync, openAsBlob, readFileSync } from "node:fs"
import { mkdir, rename, writeFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"

/**
 * A PGlite that nothing was done with yet, as the archive that it makes of itself. Creating one takes five seconds of a core,
 * unpacking it half of one: it is made once a version, before the first test, and kept in the checkout.
 */
const modules = resolve(import.meta.dirname, "../../node_modules")
const { version }: { readonly version: string } = JSON.parse(
  readFileSync(`${modules}/@electric-sql/pglite/package.json`, "utf8")
)
const archive = `${modules}/.cache/xrouter-pglite/${version}.tar`

/** Called by Vitest before it starts its workers. */
export const setup = async (): Promise<void> => {
  if (existsSync(archive)) return
  const db = await PGlite.create()
  const content = await db.dumpDataDir("none")
  await db.close()
  const draft = `${archive}.${process.pid}`
  await mkdir(dirname(archive), { recursive: true })
  await writeFile(draft, content.stream())
  await rename(draft, archive)
}

/** An empty database in a folder, or in memory. */
export const unpackPGlite = async (folder?: string): Promise<PGlite> => {
  const loadDataDir = await openAsBlob(archive)
  if (folder === undefined) return PGlite.create({ loadDataDir })
  await mkdir(dirname(folder), { recursive: true })
  return PGlite.create({ dataDir: folder, loadDataDir })
}
