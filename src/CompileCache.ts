import { enableCompileCache } from "node:module"
import { fileURLToPath } from "node:url"

/** Beside the code, so that nobody can change what is kept who cannot change the code itself. */
const folder = import.meta.url.endsWith(".ts") ? "../node_modules/.cache/xrouter-compiled" : "./.compiled"

/**
 * Keeps what Node makes of the sources, so that only their first start strips types and compiles. To be called before they are imported.
 * Where the folder cannot be written, each start compiles.
 */
export const keepCompiled = (): void => {
  enableCompileCache(fileURLToPath(new URL(folder, import.meta.url)))
}
